import { describe, expect, it } from 'vitest';
import { type HeaderPairs, raw, rpc } from '../../support/wire.ts';
import { CLIENTS, connect } from './support/clients.ts';
import { FACTORIES } from './support/factories.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped, type Wrapped } from './support/wrapped.ts';

const view = async (url: string, name: 'stats' | 'metrics', subject: string, claims = {}) => {
  const headers: HeaderPairs = [['authorization', `Bearer ${await signToken(subject, claims)}`]];
  return raw(`${url}/progress/${name}`, { headers });
};

const MATRIX = FACTORIES.flatMap((kind) => CLIENTS.map((client) => ({ kind, client })));

/** A call of `hold` by each user, that has reported progress once and goes on until released. */
async function holding(
  { url, journal }: Wrapped,
  users: readonly string[],
): Promise<readonly Promise<unknown>[]> {
  const calls: Promise<unknown>[] = [];
  for (const user of users) {
    const client = await connect('v2 auto', url, await signToken(user));
    await new Promise<void>((resolve) => {
      calls.push(client.call('hold', {}, { onprogress: () => resolve() }));
    });
  }
  expect(journal.ran).toEqual(users.map((user) => `hold ${user}`));
  return calls;
}

describe('[mcp-auth/defect.progress-token] progress', () => {
  it.each(MATRIX)(
    'of a $kind reaches a $client client, in order and before the result',
    async ({ kind, client: version }) => {
      const { url } = await startWrapped({ kind });
      const client = await connect(version, url, await signToken('alice'));
      const heard: unknown[] = [];
      const { text } = await client.call('work', {}, { onprogress: (update) => heard.push(update) });
      expect(text).toBe('done');
      expect(heard).toEqual(
        [1, 2, 3].map((progress) => ({ progress, total: 3, message: `step ${progress}` })),
      );
    },
  );

  it.each(CLIENTS)('is not sent to a %s client that did not ask for it', async (version) => {
    const { url } = await startWrapped();
    const client = await connect(version, url, await signToken('alice'));
    expect((await client.call('work')).text).toBe('done');
  });

  it('of two users with the same token goes to each his own', async () => {
    const { url } = await startWrapped();
    const heard = new Map<string, number[]>([
      ['alice', []],
      ['bob', []],
    ]);
    await Promise.all(
      [...heard].map(async ([user, updates]) => {
        const client = await connect('v2 auto', url, await signToken(user));
        // Fresh clients count their tokens from the same number.
        await client.call('work', {}, { onprogress: ({ progress }) => updates.push(progress) });
      }),
    );
    expect([...heard.values()]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });
});

describe('[mcp-auth/endpoint.progress-stats] GET {base}/progress/stats', () => {
  it('needs a credential', async () => {
    const { url } = await startWrapped();
    expect((await raw(`${url}/progress/stats`)).status).toBe(401);
  });

  it('gives the caller’s own numbers beside totals, while calls run', async () => {
    const wrapped = await startWrapped();
    const empty = await view(wrapped.url, 'stats', 'alice');
    expect(empty.status).toBe(200);
    expect(empty.json).toEqual({
      user: { userId: 'alice', activeStreams: 0, totalMessages: 0, totalBytes: 0, oldestStreamAge: 0 },
      global: { activeStreams: 0, totalMessages: 0, userCount: 0 },
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });

    const calls = await holding(wrapped, ['alice', 'alice', 'bob']);
    const { json } = await view(wrapped.url, 'stats', 'alice');
    expect(json).toMatchObject({
      user: { userId: 'alice', activeStreams: 2, totalMessages: 2 },
      global: { activeStreams: 3, totalMessages: 3, userCount: 2 },
    });
    expect(Number(json?.user?.totalBytes)).toBeGreaterThan(100);
    expect(JSON.stringify((await view(wrapped.url, 'stats', 'carol')).json)).not.toMatch(/alice|bob/);

    wrapped.journal.release();
    await Promise.all(calls);
    expect((await view(wrapped.url, 'stats', 'alice')).json).toMatchObject({ global: { activeStreams: 0 } });
  });
});

describe('[mcp-auth/endpoint.progress-metrics] GET {base}/progress/metrics', () => {
  it('needs a credential', async () => {
    const { url } = await startWrapped();
    expect((await raw(`${url}/progress/metrics`)).status).toBe(401);
  });

  it('[mcp-auth/defect.progress-metrics-leak] shows own streams only, all of them with an admin scope', async () => {
    const wrapped = await startWrapped();
    const calls = await holding(wrapped, ['alice', 'bob']);
    const { json, text } = await view(wrapped.url, 'metrics', 'alice');
    expect(json).toEqual({
      metrics: [
        {
          userId: 'alice',
          progressToken: expect.any(Number),
          startTime: expect.any(Number),
          lastUpdate: expect.any(Number),
          duration: expect.any(Number),
          messageCount: 1,
          bytesTransferred: expect.any(Number),
          averageMessageSize: expect.any(Number),
          messagesPerSecond: expect.any(Number),
        },
      ],
      health: { healthy: true, issues: [], warnings: [] },
      timestamp: expect.any(String),
    });
    expect(text).not.toContain('bob');
    expect((await view(wrapped.url, 'metrics', 'carol')).json).toMatchObject({ metrics: [] });
    const admin = await view(wrapped.url, 'metrics', 'carol', { scope: 'gatehouse:progress:read' });
    expect(admin.json).toMatchObject({ metrics: [{ userId: 'alice' }, { userId: 'bob' }] });
    wrapped.journal.release();
    await Promise.all(calls);
  });

  it.each(['stats', 'metrics'] as const)('is answered to GET alone (%s)', async (name) => {
    const { url } = await startWrapped();
    const headers: HeaderPairs = [['authorization', `Bearer ${await signToken('alice')}`]];
    const answer = await raw(`${url}/progress/${name}`, { method: 'POST', headers, body: '{}' });
    expect(answer.status).toBe(405);
    expect(answer.json).toMatchObject({ error: { data: { code: 'METHOD_NOT_ALLOWED' } } });
  });
});

describe('[mcp-auth/endpoint.progress-tracking] progress streams', () => {
  it.each(['2025-11-25', '2026-07-28'] as const)(
    'are kept for a token of 0, and end with their call (%s)',
    async (era) => {
      const { url, journal } = await startWrapped();
      const params = { name: 'hold', _meta: { progressToken: 0 } };
      const call = rpc(url, { era, method: 'tools/call', params, token: await signToken('alice') });
      await expect.poll(() => journal.ran).toEqual(['hold alice']);
      const { json } = await view(url, 'metrics', 'alice');
      expect(json?.metrics).toMatchObject([{ progressToken: 0, messageCount: 1 }]);
      journal.release();
      const answer = await call;
      expect(answer.text).toContain('"progressToken":0');
      expect((await view(url, 'metrics', 'alice')).json).toMatchObject({ metrics: [] });
    },
  );
});
