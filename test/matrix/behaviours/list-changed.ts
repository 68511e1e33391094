import { expect } from 'vitest';
import type { Peer } from '../ways/way.ts';
import { type Behaviour, until } from './behaviour.ts';

export const listChanged: Behaviour = {
  title: 'list_changed',
  async expectHolds({ alice, bob, way }) {
    const [ofAlice, ofBob] = [`grown-by-${alice.user}`, `grown-by-${bob.user}`];
    // Both have looked before, so that whatever is kept of it has to be renewed.
    expect(await alice.tools()).not.toContain(ofAlice);
    expect(await bob.tools()).not.toContain(ofAlice);
    const silent = bob.changes;
    await grow(alice, ofAlice, way.isOneWay);
    expect(await alice.tools()).toContain(ofAlice);
    const said = await alice.say(ofAlice);
    expect(said.user).toBe(alice.user);
    expect(await bob.tools()).not.toContain(ofAlice);
    await expect(bob.say(ofAlice)).rejects.toThrow();
    expect(bob.changes).toBe(silent);
    // His own stream lives: it was silent for want of anything to tell.
    const before = alice.changes;
    await grow(bob, ofBob, way.isOneWay);
    expect(await bob.tools()).toContain(ofBob);
    expect(await alice.tools()).not.toContain(ofBob);
    expect(alice.changes).toBe(before);
  },
};

/** Adds a tool for a user, who hears of it; without a session nothing can be told between two requests. */
async function grow(peer: Peer, tool: string, isOneWay: boolean): Promise<void> {
  const before = peer.changes;
  const said = await peer.say('grow', { tool });
  expect(said.more).toEqual({ grown: tool });
  if (isOneWay) return;
  await until(
    () => peer.changes,
    (count) => count > before,
  );
}
