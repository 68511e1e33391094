import { expect } from 'vitest';
import { outcomeOf } from '../ways/outcome.ts';
import { audited, type Behaviour, type Cell, happened, happenings } from './behaviour.ts';

export const cancel: Behaviour = {
  title: 'cancel',
  async expectHolds(cell) {
    const { alice, bob, site, way } = cell;
    const others = `others-${bob.user}`;
    const ofBob = bob.say('slow', { call: others });
    await happened(site, { event: 'started', tool: 'slow', user: bob.user });
    await (way.isOneWay ? expectRunsOn(cell) : expectAborted(cell));
    // Somebody else's call, which has the same small request id, goes on.
    expect(happenings(site, { event: 'aborted', tool: 'slow', user: bob.user })).toEqual([]);
    site.journal.release(others);
    expect((await ofBob).more).toEqual({ call: others });
    await alice.say('whoami');
  },
};

/** Cancels a call of alice's while it runs; the client gives it up at once. */
async function cancelOne({ alice, site }: Cell, call: string): Promise<void> {
  const before = happenings(site, { event: 'started', tool: 'slow', user: alice.user }).length;
  const controller = new AbortController();
  const running = alice.call('slow', { call }, { signal: controller.signal });
  running.catch(() => undefined);
  await happened(site, { event: 'started', tool: 'slow', user: alice.user }, before + 1);
  controller.abort(new Error('cancelled by the user'));
  expect(await outcomeOf(running)).toHaveProperty('error');
}

async function expectAborted(cell: Cell): Promise<void> {
  const { alice, site } = cell;
  await cancelOne(cell, `never-${alice.user}`);
  await happened(site, { event: 'aborted', tool: 'slow', user: alice.user });
  const record = await audited(site, {
    type: 'call',
    target: 'slow',
    subject: alice.user,
    code: 'aborted',
  });
  expect(record).toMatchObject({ outcome: 'failure', method: 'tools/call' });
}

/** Without a session a client's word on another request finds nobody: the call runs on, and ends well. */
async function expectRunsOn(cell: Cell): Promise<void> {
  const { alice, site } = cell;
  const call = `runs-on-${alice.user}`;
  const before = happenings(site, { event: 'finished', tool: 'slow', user: alice.user }).length;
  await cancelOne(cell, call);
  await alice.say('whoami');
  expect(happenings(site, { event: 'aborted', tool: 'slow', user: alice.user })).toEqual([]);
  site.journal.release(call);
  await happened(site, { event: 'finished', tool: 'slow', user: alice.user }, before + 1);
  expect(happenings(site, { event: 'aborted', tool: 'slow', user: alice.user })).toEqual([]);
}
