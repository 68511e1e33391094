import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { GateOptions } from '../../src/config/options.ts';
import { CLIENTS, connectV2 } from '../support/clients.ts';
import { freePort, type Harness, startGate } from '../support/gate-harness.ts';
import { PATIENT } from './processes.ts';
import { type Remote, startRemote, startRemoteV1, startRemoteV2 } from './remote-servers.ts';

type Options = Partial<Omit<GateOptions, 'auth'>> & { readonly server?: object };

async function start(url: string, { server, ...more }: Options = {}): Promise<Harness> {
  return startGate({ ...more, servers: { notes: { url, ...server } } });
}

async function connect({ url, token }: Harness, subject = 'alice') {
  return connectV2(url, await token({ subject }));
}

async function post({ url, token }: Harness, method: string, params: object = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await token()}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const UPSTREAM: Pick<GateOptions, 'tenancy'> = {
  tenancy: { credentials: { notes: { resolveToken: async (userId) => `upstream-of-${userId}` } } },
};

interface Message {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly name?: string; readonly _meta?: object };
}

const RESULTS: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-06-18',
    capabilities: { tools: {} },
    serverInfo: { name: 'notes', version: '1' },
  },
  'tools/list': { tools: [{ name: 'work', inputSchema: { type: 'object' } }] },
  'tools/call': { content: [{ type: 'text', text: 'worked' }] },
};

function reply(
  response: ServerResponse,
  { id, method }: Message,
  headers: Record<string, string> = {},
): void {
  if (id === undefined) {
    response.writeHead(202).end();
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result: RESULTS[method] ?? {} }));
}

/** A server that is in order but for what `spoil` answers itself. */
function startSpoiled(spoil: (response: ServerResponse, message: Message) => boolean): Promise<Remote> {
  return startRemote((request, response, body) => {
    const message = body as Message;
    if (request.method !== 'POST') response.writeHead(405).end();
    else if (!spoil(response, message)) reply(response, message);
  });
}

describe.each([
  ['v1', startRemoteV1],
  ['v2', startRemoteV2],
])('[config/servers-remote] a server elsewhere of SDK %s', (sdk, startServer) => {
  test.each(CLIENTS)('answers $client', async ({ connect: connectAs }) => {
    const remote = await startServer();
    const { url, token } = await start(remote.url);
    const client = await connectAs(url, await token());
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('whoami');
    expect(JSON.stringify(await client.callTool({ name: 'whoami', arguments: {} }))).toContain(sdk);
  });

  test('tells of progress before the result', async () => {
    const client = await connect(await start((await startServer()).url));
    const heard: number[] = [];
    await client.callTool(
      { name: 'progress', arguments: {} },
      { onprogress: ({ progress }) => void heard.push(progress) },
    );
    expect(heard).toEqual([1, 2, 3]);
  });
});

describe('[config/servers-remote] what a server elsewhere gets', () => {
  test('is the token of the user as a bearer, and nothing of the request to the gate', async () => {
    const remote = await startRemoteV1();
    const harness = await start(remote.url, UPSTREAM);
    await (await connect(harness)).callTool({ name: 'whoami', arguments: {} });
    await (await connect(harness, 'bob')).callTool({ name: 'whoami', arguments: {} });
    const sent = new Set(remote.seen.map(({ headers }) => headers.authorization));
    expect(sent).toEqual(new Set(['Bearer upstream-of-alice', 'Bearer upstream-of-bob']));
    expect(JSON.stringify(remote.seen)).not.toContain(await harness.token());
    expect(remote.seen.filter(({ rpc }) => rpc === 'initialize')).toHaveLength(2);
  });

  test('is what the headers say, and no bearer then', async () => {
    const remote = await startRemoteV2();
    const headers = { 'X-Api-Key': '${credential}', 'X-Team': 'blue' };
    const client = await connect(await start(remote.url, { ...UPSTREAM, server: { headers } }));
    await client.listTools();
    for (const { headers: seen } of remote.seen) {
      expect(seen).toMatchObject({ 'x-api-key': 'upstream-of-alice', 'x-team': 'blue' });
      expect(seen.authorization).toBeUndefined();
    }
  });

  test('is no token where there is none', async () => {
    const remote = await startRemoteV2();
    await (await connect(await start(remote.url))).listTools();
    expect(remote.seen.map(({ headers }) => headers.authorization)).toEqual(remote.seen.map(() => undefined));
  });

  test('is the end of its sessions, when they have been idle and with the gate', async () => {
    const remote = await startRemoteV1();
    const harness = await start(remote.url);
    await (await connect(harness)).listTools();
    expect(remote.sessions.size).toBe(1);
    await harness.gate.close();
    expect(remote.sessions.size).toBe(0);
    expect(remote.seen.at(-1)).toMatchObject({ method: 'DELETE' });
  });

  test('is the version that it has chosen, with every request but the first', async () => {
    const remote = await startRemoteV1();
    await (await connect(await start(remote.url))).listTools();
    const [first, ...others] = remote.seen.map(({ headers }) => headers['mcp-protocol-version']);
    expect([first, ...new Set(others)]).toEqual([undefined, '2025-11-25']);
  });

  test('is no message before it has heard that it is initialized', async () => {
    let isInitialized = false;
    const early: string[] = [];
    const remote = await startSpoiled((response, message) => {
      if (message.method === 'tools/list' && !isInitialized) early.push(message.method);
      if (message.method !== 'notifications/initialized') return false;
      setTimeout(() => {
        isInitialized = true;
        reply(response, message);
      }, 100);
      return true;
    });
    await post(await start(remote.url), 'tools/list');
    expect(early).toEqual([]);
    expect(remote.seen.map(({ rpc }) => rpc)).toEqual([
      'initialize',
      'notifications/initialized',
      'tools/list',
    ]);
  });
});

describe('[config/servers-remote] a server elsewhere that refuses', () => {
  const secretBody = JSON.stringify({ error: 'hunter2' });

  test.each([
    [401, {}, 403, 'TOKEN_RESOLUTION_FAILED', null],
    [403, {}, 403, 'ACCESS_DENIED', null],
    [404, {}, 500, 'TRANSPORT_ERROR', null],
    [429, { 'retry-after': '7' }, 503, 'SERVER_UNAVAILABLE', '7'],
    [500, {}, 503, 'SERVER_UNAVAILABLE', '5'],
    [503, { 'retry-after': '999999' }, 503, 'SERVER_UNAVAILABLE', '3600'],
    [302, { location: 'http://127.0.0.1:1/hunter2' }, 500, 'TRANSPORT_ERROR', null],
  ] as const)(
    'to start with %i: callers are told, nothing is leaked',
    async (status, headers, ...expected) => {
      const remote = await startSpoiled((response) => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(secretBody);
        return true;
      });
      const harness = await start(remote.url, UPSTREAM);
      for (const [method, params] of [
        ['tools/list', {}],
        ['tools/call', { name: 'work', arguments: {} }],
      ] as const) {
        const answer = await post(harness, method, params);
        const { code } = JSON.parse(answer.text) as { code: string };
        expect([answer.status, code, answer.headers.get('retry-after')]).toEqual(expected);
        expect(answer.text + JSON.stringify([...answer.headers])).not.toMatch(/hunter2|upstream-of/);
      }
    },
  );

  test.each([
    [401, 'The server does not accept the credential of this account'],
    [403, 'The server refuses this account'],
    [400, 'The server did not accept the request'],
    [500, 'The server takes no requests at the moment'],
    [307, 'The server redirects, and redirects are not followed'],
  ] as const)('a call with %i: the call fails with a reason', async (status, reason) => {
    const remote = await startSpoiled((response, { method }) => {
      if (method !== 'tools/call') return false;
      response.writeHead(status, { location: '/elsewhere', 'content-type': 'text/plain' }).end('hunter2');
      return true;
    });
    const { text } = await post(await start(remote.url, UPSTREAM), 'tools/call', {
      name: 'work',
      arguments: {},
    });
    expect(text).toContain(reason);
    expect(text).not.toContain('hunter2');
    expect(remote.seen.filter(({ rpc }) => rpc === undefined)).toEqual([]);
  });

  test('a call with an error of JSON-RPC: it is passed on, whatever the status', async () => {
    const error = { code: -32099, message: 'no such note', data: { note: 7 } };
    const remote = await startSpoiled((response, { id, method }) => {
      if (method !== 'tools/call') return false;
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, error }));
      return true;
    });
    const { text } = await post(await start(remote.url), 'tools/call', { name: 'work', arguments: {} });
    expect(JSON.parse(text.replace(/^(?:event: message\n)?data: /, ''))).toMatchObject({ id: 1, error });
  });
});

describe('[config/servers-remote] a server elsewhere that fails', () => {
  test('to be there is an outage', async () => {
    const harness = await start(`http://127.0.0.1:${await freePort()}/mcp`);
    const { status, text } = await post(harness, 'tools/list');
    expect([status, JSON.parse(text)]).toEqual([
      503,
      { error: 'The server cannot be reached', code: 'SERVER_UNAVAILABLE' },
    ]);
  });

  test('to answer in time is an outage', async () => {
    const remote = await startSpoiled(() => true);
    const { status, text } = await post(
      await start(remote.url, { server: { startTimeoutMs: 200 } }),
      'tools/list',
    );
    expect([status, JSON.parse(text).code]).toEqual([503, 'SERVER_UNAVAILABLE']);
  });

  test.each([
    ['with another answer', '{"jsonrpc":"2.0","id":99,"result":{}}'],
    ['with no JSON', '<html>hunter2</html>'],
    ['with nothing', ''],
    ['with an answer without result', null],
  ])('to answer a call, %s, fails that call only', async (_name, body) => {
    let isSpoiled = true;
    const remote = await startSpoiled((response, { id, method }) => {
      if (method !== 'tools/call' || !isSpoiled) return false;
      isSpoiled = false;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(body ?? JSON.stringify({ jsonrpc: '2.0', id }));
      return true;
    });
    const harness = await start(remote.url);
    const first = await post(harness, 'tools/call', { name: 'work', arguments: {} });
    expect(first.text).toContain('"error"');
    expect(first.text).not.toContain('hunter2');
    expect((await post(harness, 'tools/call', { name: 'work', arguments: {} })).text).toContain('worked');
  });

  test.each(['application/json', 'text/event-stream'])(
    'to keep within bounds (%s) fails the call',
    async (type) => {
      const remote = await startSpoiled((response, { method }) => {
        if (method !== 'tools/call') return false;
        response.writeHead(200, { 'content-type': type });
        response.write(type === 'application/json' ? '"' : 'data: ');
        const more = (): void => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
          response.once('drain', more);
        };
        more();
        return true;
      });
      const { text } = await post(await start(remote.url), 'tools/call', { name: 'work', arguments: {} });
      expect(text).toContain('too long');
    },
  );

  test('in the middle of a stream fails the call', async () => {
    const remote = await startSpoiled((response, { method }) => {
      if (method !== 'tools/call') return false;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(
        'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}\n\n',
      );
      setTimeout(() => response.destroy(), 20);
      return true;
    });
    const { text } = await post(await start(remote.url), 'tools/call', { name: 'work', arguments: {} });
    expect(text).toContain('The server ended the stream before it answered');
  });

  test('in the middle of a stream that can go on is asked to go on', async () => {
    let callId: number | undefined;
    const remote = await startRemote((request, response, body) => {
      if (request.method === 'GET') {
        const id = request.headers['last-event-id'];
        if (id !== 'event-1') return void response.writeHead(405).end();
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const result = { content: [{ type: 'text', text: 'after all' }] };
        return void response.end(
          `id: event-2\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: callId, result })}\n\n`,
        );
      }
      const message = body as Message;
      if (message.method !== 'tools/call') return reply(response, message);
      callId = message.id;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('id: event-1\nretry: 10\ndata:\n\n');
    });
    const { text } = await post(await start(remote.url), 'tools/call', { name: 'work', arguments: {} });
    expect(text).toContain('after all');
  });

  test('to remember its session ends that one, and the next call opens another', async () => {
    const remote = await startRemoteV1();
    const client = await connect(await start(remote.url));
    await client.listTools();
    remote.sessions.clear();
    await expect(client.callTool({ name: 'whoami', arguments: {} })).rejects.toThrow('has ended the session');
    await expect
      .poll(async () => JSON.stringify(await client.callTool({ name: 'whoami', arguments: {} })), PATIENT)
      .toContain('v1');
  });
});
