import { describe, expect, it, vi } from 'vitest';
import { type AskingServer, serveAsking } from '../../test/fixtures/mcp-servers/asking.ts';
import { type OpenedOptions, principalOf } from '../../test/fixtures/mcp-servers/opened.ts';
import { createParkedCalls, type ParkedCall } from './parked-calls.ts';
import { isObject, type JsonObject } from './server-product.ts';

const POOL = { max: 8, idleMs: 60_000, lifetimeMs: 600_000 };
const ELICITATION = { elicitation: { form: {} } };
const RED = { action: 'accept', content: { colour: 'red' } };

interface Posted {
  readonly user?: string;
  readonly token?: string;
  readonly credential?: string;
  readonly capabilities?: object;
  readonly method?: string;
  readonly params: JsonObject & { readonly name?: string };
}

/** One message of the 2026 era and its answer, whichever form that has on the wire. */
async function post({ url }: Pick<AskingServer, 'url'>, posted: Posted): Promise<JsonObject> {
  const { user = 'alice', token = 'token', credential = 'credential', method = 'tools/call' } = posted;
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1.0.0' },
    'io.modelcontextprotocol/clientCapabilities': posted.capabilities ?? ELICITATION,
  };
  const params = { ...posted.params, _meta: meta };
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'x-user': user,
      'x-token': token,
      'x-credential': credential,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(posted.params.name !== undefined && { 'mcp-name': posted.params.name }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const body = await response.text();
  const event = body.split('\n').findLast((line) => line.startsWith('data: {'));
  return JSON.parse(event?.slice('data: '.length) ?? body) as JsonObject;
}

const ELICIT = { name: 'elicit', arguments: { a: 1, b: 2 } };

async function parkOne(server: AskingServer, posted: Partial<Posted> = {}) {
  const { result } = await post(server, { params: ELICIT, ...posted });
  if (!isObject(result)) throw new Error('no result');
  const requestState = result['requestState'] as string;
  expect(result['resultType']).toBe('input_required');
  const [key = ''] = Object.keys(result['inputRequests'] as object);
  const repeated = { ...(posted.params ?? ELICIT), requestState, inputResponses: { [key]: RED } };
  return { requestState, key, repeated };
}

const RESTART = {
  error: { code: -32602, message: 'This call no longer waits for input; start it again' },
};
const ANSWERED = { result: { content: [{ text: JSON.stringify(RED) }] } };

describe.each([
  ['fresh', {}],
  ['pooled', { pool: POOL }],
])('a call that waits for its client, %s', (_name, options: OpenedOptions) => {
  it('goes on for whoever began it, with its members in any order', async () => {
    const server = await serveAsking(options);
    const { repeated } = await parkOne(server);
    const reordered = { ...repeated, arguments: { b: 2, a: 1 } };
    expect(await post(server, { params: reordered })).toMatchObject(ANSWERED);
    expect(server.built.length).toBe(1);
  });

  it.each([
    ['another user', { user: 'bob' }],
    ['another upstream token', { token: 'rotated' }],
    ['another method', { method: 'prompts/get' }],
  ])('is as unknown to %s as what never was', async (_who, other) => {
    const server = await serveAsking(options);
    const { repeated } = await parkOne(server);
    expect(await post(server, { params: repeated, ...other })).toMatchObject(RESTART);
    const unknown = { ...repeated, requestState: 'A'.repeat(43) };
    const answer = await post(server, { params: repeated, ...other });
    expect(await post(server, { params: unknown })).toEqual(answer);
    expect(await post(server, { params: repeated })).toMatchObject(ANSWERED);
  });

  it.each([
    ['tool', { name: 'rounds' }],
    ['arguments', { arguments: { a: 1, b: 3 } }],
  ])('does not go on as a call with another %s', async (_what, changed) => {
    const server = await serveAsking(options);
    const { repeated } = await parkOne(server);
    expect(await post(server, { params: { ...repeated, ...changed } })).toMatchObject(RESTART);
    expect(await post(server, { params: repeated })).toMatchObject(ANSWERED);
  });

  it('goes on once for each state, however many come at once', async () => {
    const server = await serveAsking(options);
    const { repeated } = await parkOne(server);
    const answers = await Promise.all([1, 2, 3, 4].map(() => post(server, { params: repeated })));
    expect(answers.filter((answer) => 'result' in answer)).toMatchObject([ANSWERED]);
    expect(answers.filter((answer) => 'error' in answer)).toMatchObject([RESTART, RESTART, RESTART]);
    expect(await post(server, { params: repeated })).toMatchObject(RESTART);
    expect(server.events.filter((event) => event.startsWith('answer')).length).toBe(1);
  });

  it('shows nothing in its state', async () => {
    const server = await serveAsking(options);
    const states = await Promise.all([1, 2].map(async () => (await parkOne(server)).requestState));
    expect(new Set(states).size).toBe(2);
    for (const state of states) expect(Buffer.from(state, 'base64url').length).toBe(32);
  });

  it('is asked again what it has no answer to, under a new state', async () => {
    const server = await serveAsking(options);
    const { requestState, repeated } = await parkOne(server);
    const { result } = await post(server, { params: { ...repeated, inputResponses: { other: RED } } });
    expect(result).toMatchObject({ resultType: 'input_required' });
    const again = (result as JsonObject)['requestState'];
    expect(again).not.toBe(requestState);
    expect(await post(server, { params: { ...repeated, requestState: again } })).toMatchObject(ANSWERED);
  });

  it('has a server of its own until it ends', async () => {
    const server = await serveAsking(options);
    const { repeated } = await parkOne(server);
    const other = await post(server, { params: { name: 'told', arguments: {} } });
    expect(other).toHaveProperty('result');
    expect(server.built.length).toBe(2);
    expect(await post(server, { params: repeated })).toMatchObject(ANSWERED);
    expect(server.built.length).toBe(2);
  });

  it.each<[string, (server: AskingServer) => unknown]>([
    ['its credential is revoked', ({ liveStreams }) => liveStreams.revoke('credential')],
    ['its user is', ({ liveStreams }) => liveStreams.endAllOf(principalOf('alice').key)],
    ['its user’s servers are evicted', ({ instances }) => instances.evict(principalOf('alice').key)],
    ['the gate closes', ({ instances }) => instances.close()],
    ['all streams are ended', ({ liveStreams }) => liveStreams.closeAll()],
  ])('ends, with its server, when %s', async (_when, end) => {
    const server = await serveAsking(options);
    await parkOne(server);
    expect(server.events).toEqual([]);
    await end(server);
    const both = [expect.stringContaining('failed'), 'closed'];
    await vi.waitFor(() => expect(server.events.toSorted()).toEqual(both));
    if ('pool' in options) expect(server.instances.stats()).toMatchObject({ size: 0 });
  });

  it('ends when its client does not return in time', async () => {
    const server = await serveAsking({ ...options, clientTimeoutMs: 50 });
    const { repeated } = await parkOne(server);
    await vi.waitFor(() => expect(server.events).toContain('closed'));
    expect(await post(server, { params: repeated })).toMatchObject(RESTART);
  });

  it('gives way, as the oldest of its user, to one more than there may be', async () => {
    const server = await serveAsking(options);
    const most = 'pool' in options ? POOL.max / 4 : 16;
    const other = await parkOne(server, { user: 'bob' });
    const oldest = await parkOne(server);
    const waiting = [];
    for (let index = 0; index < most; index += 1) waiting.push(await parkOne(server));
    expect(await post(server, { params: oldest.repeated })).toMatchObject(RESTART);
    for (const { repeated } of waiting)
      expect(await post(server, { params: repeated })).toMatchObject(ANSWERED);
    expect(await post(server, { params: other.repeated, user: 'bob' })).toMatchObject(ANSWERED);
  });

  it('is over when its server takes the question back, and says so to who returns', async () => {
    const server = await serveAsking(options);
    const { repeated } = await parkOne(server, { params: { name: 'hasty' } });
    await vi.waitFor(() => expect(server.events).toContain('gave up'));
    expect(JSON.stringify(await post(server, { params: repeated }))).toContain('gave up');
  });

  it('is not for a client that cannot answer', async () => {
    const server = await serveAsking(options);
    const answer = await post(server, { params: ELICIT, capabilities: {} });
    expect(JSON.stringify(answer)).toContain('does not support form elicitation');
  });
});

describe('calls that wait for their clients', () => {
  it('never take more than half of a pool: what is one too many is not asked', async () => {
    const server = await serveAsking({ pool: POOL });
    for (const user of ['alice', 'alice', 'bob', 'bob']) await parkOne(server, { user });
    const refused = await post(server, { params: ELICIT, user: 'carol' });
    expect(JSON.stringify(refused)).toContain('The client cannot be asked now');
    await parkOne(server, { user: 'bob' });
  });
});

it('a call that waits for one of those who have not signed in gives way to none of them', () => {
  const calls = createParkedCalls({ maxPerPrincipal: 1 });
  const cancelled: string[] = [];
  const parkFor = (name: string, isShared: boolean) => {
    const call = { cancel: () => cancelled.push(name) } as unknown as ParkedCall['call'];
    const parked = { call, use: {} as ParkedCall['use'] };
    return calls.park(
      parked,
      { principalKey: String(isShared), binding: '', isShared },
      { method: name, params: {} },
    );
  };
  expect([parkFor('first', true), parkFor('second', true)]).toEqual([expect.any(String), undefined]);
  expect([parkFor('third', false), parkFor('fourth', false)]).toEqual([
    expect.any(String),
    expect.any(String),
  ]);
  expect(cancelled).toEqual(['third']);
  calls.close();
});
