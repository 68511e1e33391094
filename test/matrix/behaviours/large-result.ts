import { expect } from 'vitest';
import { largeText } from '../servers/behaviour.ts';
import type { Peer } from '../ways/way.ts';
import type { Behaviour } from './behaviour.ts';

const BYTES = 5_000_000;

export const largeResult: Behaviour = {
  title: 'large result',
  async expectHolds({ alice, bob }) {
    await Promise.all([expectWhole(alice), bob.say('whoami')]);
    await alice.say('whoami');
  },
};

async function expectWhole(peer: Peer): Promise<void> {
  const { content } = await peer.call('large', { bytes: BYTES });
  const text = content[1]?.text ?? '';
  expect(text.length).toBe(BYTES);
  // Compared as a whole, and not shown: five megabytes of difference help nobody.
  expect(text === largeText(peer.user, BYTES)).toBe(true);
}
