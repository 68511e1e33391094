import { expect } from 'vitest';
import { faultOf, outcomeOf } from '../ways/outcome.ts';
import type { Peer } from '../ways/way.ts';
import { type Behaviour } from './behaviour.ts';

export const elicit: Behaviour = {
  title: 'elicit',
  async expectHolds({ alice, bob, way }) {
    const expectAsked = way.isOneWay ? expectRefused : expectAnswered;
    await Promise.all([expectAsked(alice), expectAsked(bob)]);
    await alice.say('whoami');
  },
};

async function expectAnswered(peer: Peer): Promise<void> {
  const said = await peer.say('ask');
  expect(said.more).toMatchObject({ action: 'accept', content: { colour: peer.colour } });
  expect(peer.questions).toEqual([`Which colour, ${peer.user}?`]);
}

/** Nobody can be asked between two requests that know nothing of each other: the call says so, at once. */
async function expectRefused(peer: Peer): Promise<void> {
  const outcome = await outcomeOf(peer.call('ask'));
  const told = faultOf(outcome);
  expect(told).toMatch(/elicitation/i);
  expect(peer.questions).toEqual([]);
}
