import { expect } from 'vitest';
import { SLOW_PROGRESS } from '../servers/behaviour.ts';
import type { Peer } from '../ways/way.ts';
import { type Behaviour, type Cell, happened, until } from './behaviour.ts';

const BURST = 60;

export const progress: Behaviour = {
  title: 'progress',
  async expectHolds(cell) {
    await Promise.all([expectAllInOrder(cell.alice), expectAllInOrder(cell.bob)]);
    await expectToldOf(cell);
  },
};

/** Many in one tick, right before the result: all are there when the result is. */
async function expectAllInOrder(peer: Peer): Promise<void> {
  const seen: number[] = [];
  const said = await peer.say(
    'count',
    { n: BURST },
    { onProgress: ({ progress: step }) => void seen.push(step) },
  );
  expect(said.more).toEqual({ counted: BURST });
  expect(seen).toEqual(Array.from({ length: BURST }, (_, index) => index + 1));
}

/** The progress endpoints tell of a call while it runs, to its own user only. */
async function expectToldOf({ alice, bob, site }: Cell): Promise<void> {
  const call = `progress-${alice.user}`;
  const seen: number[] = [];
  const running = alice.say('slow', { call }, { onProgress: ({ progress: step }) => void seen.push(step) });
  await happened(site, { event: 'started', tool: 'slow', user: alice.user });
  await until(
    () => seen.length,
    (count) => count === SLOW_PROGRESS,
  );
  const stats = (await viewOf(alice, 'stats')) as Stats;
  expect(stats.user).toMatchObject({
    userId: alice.user,
    activeStreams: 1,
    totalMessages: SLOW_PROGRESS,
  });
  expect(stats.user.totalBytes).toBeGreaterThan(0);
  expect(await viewOf(alice, 'metrics')).toMatchObject({
    metrics: [{ userId: alice.user, messageCount: SLOW_PROGRESS }],
    health: { healthy: true },
  });
  expect(((await viewOf(bob, 'stats')) as Stats).user).toMatchObject({ activeStreams: 0 });
  expect(await viewOf(bob, 'metrics')).toMatchObject({ metrics: [] });
  site.journal.release(call);
  expect((await running).more).toEqual({ call });
  await until(
    async () => ((await viewOf(alice, 'stats')) as Stats).user.activeStreams,
    (count) => count === 0,
  );
}

interface Stats {
  readonly user: {
    readonly activeStreams: number;
    readonly totalMessages: number;
    readonly totalBytes: number;
  };
}

async function viewOf({ headers, url }: Peer, view: 'stats' | 'metrics'): Promise<unknown> {
  const response = await fetch(`${url}/progress/${view}`, { headers });
  expect(response.status).toBe(200);
  return response.json();
}
