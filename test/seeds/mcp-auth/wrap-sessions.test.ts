import { describe, expect, it } from 'vitest';
import type { AuthProvider, WrapServerConfig } from '../../../src/index.ts';
import { type HeaderPairs, INITIALIZE, raw, rpc } from '../../support/wire.ts';
import { connect } from './support/clients.ts';
import { FACTORIES } from './support/factories.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

const LEGACY = ['v1', 'v2 legacy'] as const;
const MATRIX = FACTORIES.flatMap((kind) => LEGACY.map((client) => ({ kind, client })));

const startStateful = (session: WrapServerConfig['session'] = {}, more = {}) =>
  startWrapped({ sessionMode: 'stateful', session, ...more });

/** Opens a session and gives back its id. */
async function open(url: string, subject: string): Promise<string> {
  const token = await signToken(subject);
  const answer = await rpc(url, { era: '2025-11-25', method: 'initialize', params: INITIALIZE, token });
  expect(answer.status).toBe(200);
  return String(answer.headers['mcp-session-id']);
}

async function statusOf(url: string, subject: string, id: string): Promise<number> {
  const token = await signToken(subject);
  const headers: HeaderPairs = [['mcp-session-id', id]];
  return (await rpc(url, { era: '2025-11-25', method: 'tools/list', token, headers })).status;
}

describe('[mcp-auth/wrap.session-mode] sessions', () => {
  it('are not kept by default', async () => {
    const { url } = await startWrapped();
    const client = await connect('v1', url, await signToken('alice'));
    expect(client.sessionId).toBeUndefined();
    expect((await client.call('work')).text).toBe('done');
  });

  it('do not concern clients of the 2026 era, which a stateful server serves as well', async () => {
    const { url } = await startStateful();
    const client = await connect('v2 auto', url, await signToken('alice'));
    expect(client.sessionId).toBeUndefined();
    expect((await client.call('work')).text).toBe('done');
  });

  it('need their id with every request but the first', async () => {
    const { url } = await startStateful();
    const answer = await rpc(url, {
      era: '2025-11-25',
      method: 'tools/list',
      token: await signToken('alice'),
    });
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ error: { data: { code: 'VALIDATION_ERROR' } } });
  });

  it('end when they lie idle, but not under a call that takes longer', async () => {
    const { url, journal } = await startStateful({ idleTimeout: 300 });
    const client = await connect('v1', url, await signToken('alice'));
    const idle = await open(url, 'alice');
    const call = client.call('hold');
    await expect.poll(() => journal.ran).toEqual(['hold alice']);
    // Longer than the idle time and the sweep that ends idle sessions, each second.
    await new Promise((resolve) => setTimeout(resolve, 1_700));
    journal.release();
    expect((await call).text).toBe('released');
    expect(journal.ran).toEqual(['hold alice']);
    expect(await statusOf(url, 'alice', idle)).toBe(404);
    expect(await statusOf(url, 'alice', client.sessionId ?? '')).toBe(200);
  });

  it('end at their age, however busy', async () => {
    const { url } = await startStateful({ idleTimeout: 60_000, maxLifetime: 300 });
    const id = await open(url, 'alice');
    await expect.poll(() => statusOf(url, 'alice', id), { timeout: 3_000 }).toBe(404);
  });

  it('are at most so many: the idlest of their own user gives way', async () => {
    const { url } = await startStateful({ maxSessions: 2 });
    const [first, second, third] = [
      await open(url, 'alice'),
      await open(url, 'alice'),
      await open(url, 'alice'),
    ];
    expect(await Promise.all([first, second, third].map((id) => statusOf(url, 'alice', id)))).toEqual([
      404, 200, 200,
    ]);
  });

  it('end with the server', async () => {
    const { server, url } = await startStateful();
    const id = await open(url, 'alice');
    const authorization = `Bearer ${await signToken('alice')}`;
    const stream = await fetch(url, {
      headers: { authorization, 'mcp-session-id': id, accept: 'text/event-stream' },
    });
    expect(stream.status).toBe(200);
    await server.stop();
    // The body ends: the stream of the session went with it.
    expect(await stream.text()).not.toContain('event: message');
  });
});

describe('[mcp-auth/defect.stateful-session-id] a session', () => {
  it.each(MATRIX)(
    'is found again under the id its client was given ($client, $kind)',
    async ({ kind, client: version }) => {
      const { url, journal } = await startStateful({}, { kind });
      const client = await connect(version, url, await signToken('alice'));
      expect(client.sessionId).toMatch(/^[0-9a-f-]{36}$/);
      const heard: number[] = [];
      await client.call('work', {}, { onprogress: ({ progress }) => heard.push(progress) });
      expect(heard).toEqual([1, 2, 3]);
      expect(JSON.parse((await client.call('whoami')).text)).toMatchObject({ userId: 'alice' });
      // One server for the session, and one for the gate's own list of tools.
      expect(journal.built.length).toBeLessThanOrEqual(2);
    },
  );

  it('is one of many: each client has its own, on a server of its own', async () => {
    const { url } = await startStateful();
    const clients = await Promise.all(
      ['alice', 'bob', 'alice'].map(async (subject) => connect('v1', url, await signToken(subject))),
    );
    expect(new Set(clients.map(({ sessionId }) => sessionId)).size).toBe(3);
    const users = await Promise.all(
      clients.map(async (client) => JSON.parse((await client.call('whoami')).text)),
    );
    expect(users).toMatchObject([{ userId: 'alice' }, { userId: 'bob' }, { userId: 'alice' }]);
  });

  it('goes on with a renewed token of its user', async () => {
    const { url } = await startStateful();
    const id = await open(url, 'alice');
    expect(await statusOf(url, 'alice', id)).toBe(200);
    expect(await statusOf(url, 'alice', id)).toBe(200);
  });
});

describe('[mcp-auth/defect.pool-rotation] a session', () => {
  it('ends when the token that its server was built with has been rotated', async () => {
    let version = 1;
    const tokenResolver = { resolveToken: async (userId: string) => `${userId}-v${version}` };
    const { url } = await startStateful({}, { tokenResolver });
    const id = await open(url, 'alice');
    expect(await statusOf(url, 'alice', id)).toBe(200);
    version = 2;
    expect(await statusOf(url, 'alice', id)).toBe(404);
    const client = await connect('v1', url, await signToken('alice'));
    expect(JSON.parse((await client.call('whoami')).text)).toEqual({ userId: 'alice', token: 'alice-v2' });
    version = 1;
    // It does not come back with the old token.
    expect(await statusOf(url, 'alice', id)).toBe(404);
  });
});

describe('[mcp-auth/defect.session-before-auth] a session', () => {
  it.each(['POST', 'GET', 'DELETE'])(
    'is looked up only for someone who is authenticated (%s)',
    async (method) => {
      const asked: string[] = [];
      const authProvider: AuthProvider = {
        authenticate: async ({ credential, headers }) => {
          asked.push(String(headers?.['mcp-session-id']));
          const isGood = credential?.kind === 'bearer' && credential.token.equals('good');
          return isGood
            ? { authenticated: true, userId: 'alice' }
            : { authenticated: false, reason: 'invalid' };
        },
      };
      const { url } = await startStateful({}, { authProvider });
      const opened = await rpc(url, {
        era: '2025-11-25',
        method: 'initialize',
        params: INITIALIZE,
        token: 'good',
      });
      const id = String(opened.headers['mcp-session-id']);
      const answers = await Promise.all(
        [id, crypto.randomUUID()].map((session) =>
          raw(url, {
            method,
            headers: [
              ['authorization', 'Bearer stolen'],
              ['mcp-session-id', session],
              ['accept', 'application/json, text/event-stream'],
              ['content-type', 'application/json'],
            ],
            ...(method === 'POST' && { body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' }),
          }),
        ),
      );
      // A session that exists and one that does not: the same refusal, from the provider.
      expect(answers.map(({ status }) => status)).toEqual([401, 401]);
      expect(answers[0]?.text).toBe(answers[1]?.text);
      expect(asked).toContain(id);
    },
  );
});

describe('[mcp-auth/defect.global-session-cap] a caller', () => {
  it('cannot use up the sessions of the others', async () => {
    const { url } = await startStateful({ maxSessions: 3 });
    const [bob, carol] = [await open(url, 'bob'), await open(url, 'carol')];
    const own: string[] = [];
    for (let count = 0; count < 10; count++) own.push(await open(url, 'alice'));
    expect(await statusOf(url, 'bob', bob)).toBe(200);
    expect(await statusOf(url, 'carol', carol)).toBe(200);
    expect(await statusOf(url, 'alice', own.at(-1) ?? '')).toBe(200);
    expect(await statusOf(url, 'alice', own[0] ?? '')).toBe(404);
  });
});
