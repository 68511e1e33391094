import { expect } from 'vitest';
import { faultOf, outcomeOf } from '../ways/outcome.ts';
import { type Behaviour, type Cell, happened, happenings } from './behaviour.ts';

export const crash: Behaviour = {
  title: 'upstream crash',
  async expectHolds(cell) {
    const { alice, bob, kind, site } = cell;
    const call = `survives-${bob.user}`;
    const before = happenings(site, { event: 'started', tool: 'slow', user: bob.user }).length;
    const ofBob = bob.say('slow', { call });
    // Told by the test below, whenever it ends.
    ofBob.catch(() => undefined);
    await happened(site, { event: 'started', tool: 'slow', user: bob.user }, before + 1);
    for (const how of ['throw', 'die']) {
      await expectTold(cell, how);
      await alice.revive();
      await alice.say('whoami');
    }
    // Of a server that has a process or a machine of its own, the client's connection is none of the parts that died.
    if (kind.isElsewhere) expect(alice.connections).toBe(1);
    site.journal.release(call);
    expect((await ofBob).more).toEqual({ call });
    await bob.say('whoami');
  },
};

async function expectTold({ alice, site }: Cell, how: string): Promise<void> {
  const before = happenings(site, { event: 'started', tool: 'crash', user: alice.user }).length;
  const outcome = await outcomeOf(alice.call('crash', { how }));
  expect(happenings(site, { event: 'started', tool: 'crash', user: alice.user })).toHaveLength(before + 1);
  const told = faultOf(outcome);
  expect(told).toMatch(/\w/);
  // An error tells what happened, and nothing of where.
  expect(told).not.toMatch(/\n\s+at |file:\/\//);
}
