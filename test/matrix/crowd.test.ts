import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { happened, happenings } from './behaviours/behaviour.ts';
import { createDice } from './dice.ts';
import { SERVERS, type ServerKind } from './servers/kinds.ts';
import { openSite, type Site } from './site.ts';
import { openHttpPeer } from './ways/http.ts';
import { outcomeOf } from './ways/outcome.ts';
import type { Peer, ToolResult } from './ways/way.ts';
import { openSocketPeer } from './ways/websocket.ts';

const USERS = 50;
const ROUNDS = 8;
const POOLED = SERVERS.filter(({ title }) => title.endsWith('pooled'));

/** Ways that take turns, so that neighbours are never served alike. */
const WAYS: readonly ((kind: ServerKind, shared: Site, user: string) => Promise<Peer>)[] = [
  (kind, shared, user) => openHttpPeer({ kind, shared }, { client: 'modern', sessions: 'stateless' }, user),
  (kind, shared, user) => openHttpPeer({ kind, shared }, { client: 'legacy', sessions: 'stateful' }, user),
  (kind, shared, user) => openHttpPeer({ kind, shared }, { client: 'v1', sessions: 'stateful' }, user),
  (kind, shared, user) => openSocketPeer({ kind, shared }, 'modern', user),
  (kind, shared, user) => openSocketPeer({ kind, shared }, 'legacy', user),
];

for (const kind of POOLED) {
  describe(`${USERS} users at once of ${kind.title}`, () => {
    let site: Site;
    beforeAll(async () => {
      site = await openSite([kind]);
    });
    afterAll(() => site?.close());

    it('get what is theirs, and all of it', async () => {
      const peers = await Promise.all(
        Array.from({ length: USERS }, (_, index) => {
          const open = WAYS[index % WAYS.length];
          if (open === undefined) throw new Error('no way');
          return open(kind, site, `user-${index}`);
        }),
      );
      try {
        await allOf(peers.map((peer, index) => expectOwnLife(site, peer, index)));
        for (const peer of peers) {
          const own = ofItself(site, peer);
          expect(own.questions).toEqual(peer.questions.map(() => `Which colour, ${peer.user}?`));
          expect((await peer.tools()).filter((tool) => tool.startsWith('grown-'))).toEqual(own.grown);
        }
      } finally {
        await Promise.all(peers.map((peer) => peer.close()));
      }
    }, 90_000);
  });
}

type Step = (site: Site, peer: Peer, round: string) => Promise<void>;

/** Each checks that it got its own answer; the peer checks the owner of every answer and progress message. */
const STEPS: readonly Step[] = [
  async (_site, peer) => {
    await peer.say('whoami');
  },
  async (_site, peer) => {
    const seen: number[] = [];
    const n = 5 + (peer.user.length % 3);
    await peer.say('count', { n }, { onProgress: ({ progress }) => void seen.push(progress) });
    expect(seen).toEqual(Array.from({ length: n }, (_, index) => index + 1));
  },
  async (_site, peer) => {
    const before = peer.questions.length;
    const { more } = await peer.say('ask');
    expect(more).toMatchObject({ action: 'accept', content: { colour: peer.colour } });
    expect(peer.questions.length).toBe(before + 1);
  },
  async (site, peer, round) => {
    const what = { tool: 'slow', user: peer.user } as const;
    const [started, aborted] = (['started', 'aborted'] as const).map(
      (event) => happenings(site, { event, ...what }).length,
    );
    const controller = new AbortController();
    const running = peer.call('slow', { call: round }, { signal: controller.signal });
    // It is not to end before; if it does, that is what went wrong.
    await Promise.race([happened(site, { event: 'started', ...what }, (started ?? 0) + 1), endOf(running)]);
    controller.abort(new Error('cancelled by the user'));
    expect(await outcomeOf(running)).toHaveProperty('error');
    await happened(site, { event: 'aborted', ...what }, (aborted ?? 0) + 1);
  },
  async (site, peer, round) => {
    const seen: number[] = [];
    const running = peer.say(
      'slow',
      { call: round },
      { onProgress: ({ progress }) => void seen.push(progress) },
    );
    setTimeout(() => site.journal.release(round), 20);
    expect((await running).more).toEqual({ call: round });
    expect(seen).toEqual([1, 2, 3]);
  },
  async (_site, peer, round) => {
    const before = peer.changes;
    const tool = `grown-${peer.user}-${round}`;
    await peer.say('grow', { tool });
    await expect.poll(() => peer.changes, { timeout: 20_000 }).toBeGreaterThan(before);
    expect((await peer.say(tool)).user).toBe(peer.user);
  },
];

/** Waits for all of them, also when one has failed: what goes on would be cut off by the end of the test. */
async function allOf(lives: readonly Promise<void>[]): Promise<void> {
  for (const life of await Promise.allSettled(lives))
    if (life.status === 'rejected') throw life.reason as Error;
}

async function endOf(running: Promise<ToolResult>): Promise<never> {
  throw new Error(`It ended: ${JSON.stringify(await running)}`);
}

async function expectOwnLife(site: Site, peer: Peer, index: number): Promise<void> {
  const roll = createDice(index + 1);
  for (let round = 0; round < ROUNDS; round += 1) {
    const step = STEPS[roll(STEPS.length)];
    const heard = peer.changes;
    await step?.(site, peer, `${peer.user}-${round}`);
    // Nothing is told to those who changed nothing.
    if (ofItself(site, peer).grown.length === 0) expect(peer.changes).toBe(heard);
  }
}

function ofItself(site: Site, peer: Peer) {
  return {
    questions: peer.questions,
    grown: site.journal.grownBy(peer.user).toSorted(),
  };
}
