import { McpServer, ProtocolError, Server } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { findEraBinding, lowLevelOf } from './modern-era.ts';
import { findRequestDispatch } from './request-dispatch.ts';
import { loadServerSdk, type NativeServer, type ServerSdk } from './sdk.ts';
import {
  isResponse,
  type JsonObject,
  type JsonRpcId,
  type JsonRpcMessage,
  type ServerProduct,
  type TransportLike,
} from './server-product.ts';

const ERAS = ['2025', '2026'] as const;
type Era = (typeof ERAS)[number];
const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': { sampling: {} },
  'io.modelcontextprotocol/clientInfo': { name: 'client', version: '1' },
  'io.modelcontextprotocol/logLevel': 'info',
};
const TOOL_REQUEST = new Request('http://gate.example/mcp');
const EXTRA = { authInfo: { token: '', clientId: 'app', scopes: ['read'] }, request: TOOL_REQUEST };

/** All that a test can see of a server at work. */
class Record {
  readonly sent: (JsonRpcMessage & { readonly related?: unknown })[] = [];
  readonly errors: string[] = [];
  /** What its handlers have noted. */
  readonly seen: unknown[] = [];
  /** How many requests the gate has looked up a handler for, itself. */
  taken = 0;
}

interface Driven {
  readonly era: Era;
  readonly record: Record;
  readonly server: InstanceType<ServerSdk['Server']>;
  readonly transport: TransportLike;
  request(method: string, params?: JsonObject, id?: JsonRpcId): void;
  /** Until so many answers have come. */
  answers(count: number): Promise<void>;
}

type Build = (record: Record) => NativeServer;
type Script = (driven: Driven) => Promise<void>;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
async function turns(): Promise<void> {
  for (let count = 0; count < 5; count++) await turn();
}

function recordingTransport(record: Record): TransportLike {
  const transport: TransportLike = {
    sessionId: 'session-7',
    start: async () => undefined,
    send: async (message, options) => {
      const { relatedRequestId } = (options ?? {}) as { readonly relatedRequestId?: unknown };
      record.sent.push(relatedRequestId === undefined ? message : { ...message, related: relatedRequestId });
    },
    close: async () => transport.onclose?.(),
  };
  return transport;
}

async function drive(build: Build, { era, isTaken }: { era: Era; isTaken: boolean }, script: Script) {
  const sdk = await loadServerSdk();
  const record = new Record();
  const product = build(record);
  const server = lowLevelOf(sdk, product);
  server.onerror = (error) => record.errors.push(error.message);
  const find = Reflect.get(server, '_getRequestHandler') as (method: string) => unknown;
  Reflect.set(server, '_getRequestHandler', (method: string) => {
    record.taken += 1;
    return find.call(server, method);
  });
  if (era === '2026') findEraBinding(sdk)?.(product, ENVELOPE);
  const transport = recordingTransport(record);
  await (product as ServerProduct).connect(transport);
  if (isTaken) findRequestDispatch(sdk)?.(server, transport);
  await script({
    era,
    record,
    server,
    transport,
    request(method, params = {}, id = 1) {
      const _meta = { ...(era === '2026' && ENVELOPE), ...(params['_meta'] as JsonObject | undefined) };
      const given = Object.keys(_meta).length === 0 ? params : { ...params, _meta };
      transport.onmessage?.({ jsonrpc: '2.0', id, method, params: given }, EXTRA);
    },
    answers: (count) => expect.poll(() => record.sent.filter(isAnswer).length).toBe(count),
  });
  await turns();
  return record;
}

const isAnswer = (message: Record['sent'][number]): boolean => !('related' in message) && isResponse(message);

/** The same with and without: everything but who has looked up the handlers has to be equal. */
async function compare(build: Build, era: Era, script: Script): Promise<Record> {
  const { taken: none, ...theirs } = await drive(build, { era, isTaken: false }, script);
  const ours = await drive(build, { era, isTaken: true }, script);
  expect(none).toBe(0);
  const { taken: _, ...seen } = ours;
  expect(seen).toEqual(theirs);
  return ours;
}

interface Shown {
  readonly sessionId?: string;
  readonly mcpReq: {
    readonly id: JsonRpcId;
    readonly method: string;
    readonly signal: AbortSignal;
    requestState(): unknown;
    send(request: object, schemaOrOptions?: object, options?: object): Promise<unknown>;
    notify(notification: object): Promise<void>;
    log(level: string, data: unknown): Promise<void>;
  };
  readonly http?: { readonly req?: Request; readonly authInfo?: unknown };
}

function show(context: unknown): unknown {
  const { mcpReq, http, ...others } = context as Shown;
  const isFunction = (value: unknown): boolean => typeof value === 'function';
  return {
    keys: [Object.keys(context as object), Object.keys(mcpReq), Object.keys(http ?? {})].map((keys) =>
      keys.sort(),
    ),
    others,
    mcpReq: Object.entries(mcpReq).filter(([name, value]) => name !== 'signal' && !isFunction(value)),
    state: mcpReq.requestState(),
    aborted: mcpReq.signal.aborted,
    http: { ...http, req: http?.req === TOOL_REQUEST },
  };
}

/** Lets everything pass, so that handlers see what there is. */
const ANYTHING = {
  '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
} as const;

/** A low-level server whose handler of `prompts/get` sees its params as they are. */
function lowLevel(handle: (params: JsonObject, context: Shown) => unknown, options: object = {}): Server {
  const server = new Server(
    { name: 'low', version: '1' },
    { capabilities: { prompts: {}, tools: {}, resources: {}, logging: {} }, ...options },
  );
  server.setRequestHandler('prompts/get', { params: ANYTHING as never }, ((
    params: JsonObject,
    context: Shown,
  ) => handle(params, context)) as never);
  return server;
}

function highLevel(record: Record): McpServer {
  const server = new McpServer(
    { name: 'high', version: '1' },
    { capabilities: { logging: {} }, cacheHints: { 'tools/list': { ttlMs: 5_000 } } },
  );
  server.registerTool('shows', {}, (context) => {
    record.seen.push(show(context));
    return { content: [{ type: 'text', text: 'shown' }] };
  });
  server.registerTool(
    'adds',
    { inputSchema: z.object({ n: z.number() }), outputSchema: z.object({ n: z.number() }) },
    ({ n }) => ({
      content: [],
      structuredContent: { n: n + 1 },
      _meta: { mine: 1 },
    }),
  );
  server.registerTool('fails', {}, () => {
    throw new Error('It failed');
  });
  server.registerTool('throws-null', {}, () => Promise.reject(null as unknown as Error));
  server.registerResource('fixed', 'fixed://one', {}, ({ href }) => ({
    contents: [{ uri: href, text: '1' }],
  }));
  return server;
}

const CALLS: readonly (readonly [string, JsonObject])[] = [
  ['tools/call', { name: 'shows' }],
  ['tools/call', { name: 'shows', _meta: { progressToken: 'p', 'com.example/own': 1 } }],
  [
    'tools/call',
    JSON.parse('{"name":"shows","arguments":{"__proto__":{"a":1}},"_meta":{"__proto__":{"b":1}}}'),
  ],
  ['tools/call', { name: 'adds', arguments: { n: 1 } }],
  ['tools/call', { name: 'adds', arguments: { n: 'x' } }],
  ['tools/call', { name: 'adds', arguments: 'none' }],
  ['tools/call', { name: 'fails' }],
  ['tools/call', { name: 'throws-null' }],
  ['tools/call', { name: 'missing' }],
  ['tools/call', { name: 'constructor' }],
  ['tools/call', {}],
  ['tools/list', {}],
  ['resources/read', { uri: 'fixed://one' }],
  ['resources/read', { uri: 'fixed://two' }],
  ['resources/list', {}],
  ['prompts/get', { name: 'none' }],
  ['ping', {}],
  ['logging/setLevel', { level: 'error' }],
  ['no/such', {}],
  ['constructor', {}],
  ['tools/call', { name: 'shows', requestState: 'state' }],
  ['tools/call', { name: 'shows', inputResponses: { a: { action: 'decline' } } }],
];

describe.each(ERAS)('requests that the gate hands to a server of SDK v2 itself, in the era of %s', (era) => {
  it.each(CALLS)('are seen and answered as by the SDK: %s %j', async (method, params) => {
    const record = await compare(highLevel, era, async ({ request, answers }) => {
      request(method, params);
      await answers(1);
    });
    expect(record.sent).toHaveLength(1);
  });

  it('are taken from the SDK where there is a handler and the era knows them, and only there', async () => {
    const isTaken = async (method: string, params: JsonObject) =>
      (
        await drive(highLevel, { era, isTaken: true }, async ({ request, answers }) => {
          request(method, params);
          await answers(1);
        })
      ).taken;
    expect(await isTaken('tools/call', { name: 'shows' })).toBe(1);
    expect(await isTaken('tools/call', { name: 'shows', requestState: 'state' })).toBe(0);
    expect(await isTaken('ping', {})).toBe(era === '2025' ? 1 : 0);
    expect(await isTaken('no/such', {})).toBe(0);
  });

  it('come to a low-level server with the same params, without what is for the protocol', async () => {
    const build: Build = (record) =>
      lowLevel((params, context) => {
        const meta = params['_meta'] as object | undefined;
        const owned = [
          Object.keys(params).sort(),
          Object.keys(meta ?? {}),
          Object.getPrototypeOf(params) === Object.prototype,
        ];
        record.seen.push(params, owned, show(context));
        return { messages: [], extra: 1 };
      });
    const record = await compare(build, era, async ({ transport, answers, request }) => {
      request(
        'prompts/get',
        JSON.parse('{"name":"a","__proto__":{"x":1},"_meta":{"own":1,"__proto__":{"y":1}}}') as JsonObject,
      );
      request('prompts/get', { _meta: [1] as never }, 'two');
      const _meta = { ...ENVELOPE, ...JSON.parse('{"own":1,"__proto__":{"y":1}}') };
      transport.onmessage?.({ jsonrpc: '2.0', id: 3, method: 'prompts/get', params: { _meta } }, EXTRA);
      // No envelope, no params, nothing known of the request.
      transport.onmessage?.({ jsonrpc: '2.0', id: 4, method: 'prompts/get' });
      await answers(4);
    });
    expect(record.seen).toContainEqual([['_meta'], ['own', '__proto__'], true]);
    expect(record.taken).toBe(era === '2025' ? 4 : 3);
  });

  it('that the entry has classified are left to the SDK', async () => {
    const record = await compare(highLevel, era, async ({ transport, answers }) => {
      for (const [id, kind] of (['legacy', 'modern'] as const).entries()) {
        const classification = { era: kind, ...(kind === 'modern' && { revision: '2026-07-28' }) };
        const params = { name: 'shows', _meta: ENVELOPE };
        transport.onmessage?.(
          { jsonrpc: '2.0', id, method: 'tools/call', params },
          { ...EXTRA, classification },
        );
      }
      await answers(2);
    });
    expect(record.taken).toBe(0);
  });

  it('have no handler but the one for everything else', async () => {
    const build: Build = (record) => {
      const server = lowLevel(() => ({}));
      server.fallbackRequestHandler = async (request, context) => {
        record.seen.push(request, show(context));
        return { fell: 'back' };
      };
      return server;
    };
    const record = await compare(build, era, async ({ request, answers }) => {
      request('com.example/own', { a: 1 });
      request('resources/list', {}, 2);
      await answers(2);
    });
    expect(record.seen).toHaveLength(4);
  });

  it.each([
    ['a protocol error with data', new ProtocolError(-32_602, 'Not so', { why: 'because' })],
    ['an error', new Error('It failed')],
    ['an error with the code of an unknown resource', Object.assign(new Error('None'), { code: -32_002 })],
    ['an error whose code is none', Object.assign(new Error('None'), { code: 1.5, data: null })],
    ['an error with a code in words', Object.assign(new Error('None'), { code: 'ENOENT' })],
    ['an object', { code: 7, message: 'seven', data: [7] }],
    ['an object without words', { code: 7 }],
    ['words', 'It failed'],
    ['a number', 5],
  ])('that fail with %s fail alike', async (_name, thrown) => {
    const build: Build = () => lowLevel(() => Promise.reject(thrown as Error));
    const record = await compare(build, era, async ({ request, answers }) => {
      request('prompts/get');
      await answers(1);
    });
    expect(record.sent).toMatchObject([{ id: 1, error: {} }]);
  });

  it.each([
    ['null', null],
    ['undefined', undefined],
    ['a message that is no text', { code: 7, message: 5 }],
  ])('that fail with %s are answered, where the SDK leaves its client waiting', async (_name, thrown) => {
    const build: Build = () => lowLevel(() => Promise.reject(thrown as unknown as Error));
    const script: Script = async ({ request, answers }) => {
      request('prompts/get');
      await answers(1);
    };
    const { sent, errors } = await drive(build, { era, isTaken: true }, script);
    const code = (thrown as { readonly code: number } | null | undefined)?.code ?? -32_603;
    expect(sent).toEqual([{ jsonrpc: '2.0', id: 1, error: { code, message: 'Internal error' } }]);
    expect(errors).toEqual([]);
  });

  it.each([undefined, null, 7])('are answered when their result is %s', async (result) => {
    const script: Script = async ({ request, answers }) => {
      request('prompts/get');
      await answers(1);
    };
    const { sent, errors } = await drive(() => lowLevel(() => result), { era, isTaken: true }, script);
    const isEncoded = era === '2026' && result === 7;
    expect(sent).toMatchObject([
      isEncoded ? { result: {} } : { error: { code: -32_603, message: 'Internal error' } },
    ]);
    expect(errors).toHaveLength(isEncoded ? 0 : 1);
  });

  it('whose result the era cannot say fail alike', async () => {
    const build: Build = () => {
      const server = lowLevel(() => ({}));
      server.setRequestHandler('prompts/list', () => ({ prompts: [], resultType: 'other' }) as never);
      server.setRequestHandler('tools/list', () => undefined as never);
      return server;
    };
    const record = await compare(build, era, async ({ request, answers }) => {
      request('prompts/list');
      request('tools/list', {}, 2);
      await answers(2);
    });
    expect(record.errors).toHaveLength(era === '2026' ? 2 : 1);
  });
});

/** A handler that waits until its test says how it goes on. */
function held() {
  const waiting: { readonly context: Shown; end(result: JsonObject): void; fail(error: unknown): void }[] =
    [];
  const handle = (_params: JsonObject, context: Shown) =>
    new Promise((end, fail) => waiting.push({ context, end, fail }));
  return { waiting, handle };
}

/** The same with handlers that wait, of which each way of serving has its own. */
function compareHeld(
  era: Era,
  script: (driven: Driven, waiting: ReturnType<typeof held>['waiting']) => Promise<void>,
) {
  let current = held();
  const build: Build = () => {
    current = held();
    return lowLevel(current.handle);
  };
  return compare(build, era, (driven) => script(driven, current.waiting));
}

const cancel = (requestId: JsonRpcId) =>
  ({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason: 'enough' } }) as const;

describe.each(ERAS)('the course of a request that the gate hands over itself, in the era of %s', (era) => {
  it('is what its notifications and log messages belong to', async () => {
    const build: Build = (record) =>
      lowLevel(async (_params, { mcpReq }) => {
        await mcpReq.notify({
          method: 'notifications/progress',
          params: { progressToken: 't', progress: 1 },
        });
        await mcpReq.log('debug', 'low');
        await mcpReq.log('error', 'high');
        const wrong = mcpReq.notify({ method: 'notifications/roots/list_changed' });
        record.seen.push(await wrong.catch(String));
        return {};
      });
    const record = await compare(build, era, async ({ request, answers }) => {
      request('prompts/get', {}, 'mine');
      await answers(1);
    });
    expect(record.sent).toMatchObject([
      { method: 'notifications/progress', related: 'mine' },
      ...(era === '2025' ? [{ params: { level: 'debug' }, related: 'mine' }] : []),
      { params: { level: 'error' }, related: 'mine' },
      ...(era === '2025' ? [{ method: 'notifications/roots/list_changed', related: 'mine' }] : []),
      { id: 'mine', result: {} },
    ]);
  });

  it('is what its questions belong to, with and without a schema', async () => {
    const build: Build = (record) =>
      lowLevel(async (_params, { mcpReq }) => {
        const own = z.object({ own: z.literal('yes') });
        const asks = [
          () => mcpReq.send({ method: 'ping' }),
          () => mcpReq.send({ method: 'ping' }, { timeout: 1_000 }),
          () => mcpReq.send({ method: 'ping' }, own, { timeout: 1_000 }),
          () => mcpReq.send({ method: 'com.example/own' }, own),
          () => mcpReq.send({ method: 'com.example/own' }),
          () => mcpReq.send({ method: 'tools/call', params: {} }, { onprogress: () => undefined }),
        ];
        for (const ask of asks) {
          let answer: unknown;
          try {
            answer = await ask();
          } catch (error) {
            // The SDK names the method that was called, which here is another one.
            answer = String(error).replace(/(?:request|ctx\.mcpReq\.send)\(\)/, 'send()');
          }
          record.seen.push(answer);
        }
        return {};
      });
    await compare(build, era, async ({ record, request, answers, transport }) => {
      const { send } = transport;
      transport.send = async (message, options) => {
        await send(message, options);
        if ('method' in message && 'id' in message)
          transport.onmessage?.({
            jsonrpc: '2.0',
            id: message.id,
            result: { own: 'yes', resultType: 'complete' },
          });
      };
      request('prompts/get', {}, 'mine');
      await answers(1);
      expect(record.seen).toHaveLength(6);
      const asked = record.sent.filter((message) => 'method' in message);
      expect(asked.length).toBeGreaterThan(0);
      expect(asked.every(({ related }) => related === 'mine')).toBe(true);
    });
  });

  it('ends without an answer when it is cancelled, whatever its handler does then', async () => {
    const found = await compareHeld(era, async ({ record, request, transport }, waiting) => {
      for (const id of [1, 2, 3]) {
        request('prompts/get', {}, id);
        transport.onmessage?.(cancel(id));
      }
      await turns();
      record.seen.push(
        ...waiting.map(({ context: { mcpReq } }) => [mcpReq.signal.aborted, mcpReq.signal.reason]),
      );
      waiting[0]?.end({});
      waiting[1]?.fail(new Error('too late'));
      waiting[2]?.fail(null);
    });
    expect(found.seen).toEqual(Array.from({ length: 3 }, () => [true, 'enough']));
    expect(found.sent).toEqual([]);
  });

  it('ends with its connection', async () => {
    const found = await compareHeld(era, async ({ record, request, transport, server }, waiting) => {
      request('prompts/get');
      await turns();
      await transport.close();
      const signal = waiting[0]?.context.mcpReq.signal;
      record.seen.push(signal?.aborted, String(signal?.reason), server.transport === undefined);
      waiting[0]?.end({});
    });
    expect(found.seen).toEqual([true, expect.stringContaining('closed'), true]);
    expect(found.sent).toEqual([]);
  });

  it('is its own, whichever of several ends first', async () => {
    const found = await compareHeld(era, async ({ record, request, answers, transport }, waiting) => {
      for (const id of [1, '1', 2]) request('prompts/get', {}, id);
      await turns();
      transport.onmessage?.(cancel('1'));
      await turns();
      record.seen.push(...waiting.map(({ context }) => [context.mcpReq.id, context.mcpReq.signal.aborted]));
      for (const [at, { end }] of [...waiting.entries()].toReversed()) end({ at });
      await answers(2);
    });
    expect(found.seen).toEqual([
      [1, false],
      ['1', true],
      [2, false],
    ]);
    expect(found.sent).toMatchObject([
      { id: 2, result: { at: 2 } },
      { id: 1, result: { at: 0 } },
    ]);
  });

  it('is cut off by its id while another with the same id has ended', async () => {
    const found = await compareHeld(era, async ({ record, request, answers, transport }, waiting) => {
      request('prompts/get', { first: true });
      request('prompts/get', { first: false });
      await turns();
      waiting[0]?.end({});
      await answers(1);
      await turns();
      transport.onmessage?.(cancel(1));
      await turns();
      record.seen.push(...waiting.map(({ context }) => context.mcpReq.signal.aborted));
      waiting[1]?.end({});
    });
    expect(found.seen).toEqual([false, true]);
    expect(found.sent).toHaveLength(1);
  });

  it('leaves nothing behind', async () => {
    await compareHeld(era, async ({ request, answers, server, transport }, waiting) => {
      for (const id of [1, 2, 3]) request('prompts/get', {}, id);
      await turns();
      const running = Reflect.get(server, '_requestHandlerAbortControllers') as Map<unknown, unknown>;
      expect(running.size).toBe(3);
      waiting[0]?.end({});
      waiting[1]?.fail(new Error('no'));
      transport.onmessage?.(cancel(3));
      waiting[2]?.end({});
      await answers(2);
      await turns();
      expect(running.size).toBe(0);
    });
  });

  it('tells the server of an answer that cannot be sent, and outlives a listener that throws', async () => {
    const found = await compareHeld(era, async ({ request, transport, record }, waiting) => {
      transport.send = () => Promise.reject(new Error('gone'));
      request('prompts/get');
      request('prompts/get', {}, 2);
      await turns();
      waiting[0]?.end({});
      waiting[1]?.fail(new Error('no'));
      await expect.poll(() => record.errors.length).toBe(2);
    });
    expect(found.errors).toEqual(Array.from({ length: 2 }, () => 'Failed to send response: Error: gone'));
    const { waiting, handle } = held();
    await drive(
      () => lowLevel(handle),
      { era, isTaken: true },
      async ({ request, transport, server }) => {
        transport.send = () => Promise.reject(new Error('gone'));
        let isTold = false;
        server.onerror = () => {
          isTold = true;
          throw new Error('No listener');
        };
        request('prompts/get');
        await turns();
        waiting[0]?.end({});
        await expect.poll(() => isTold).toBe(true);
      },
    );
  });
});

describe('a server that receives in another way than the SDK made it to', () => {
  type Connect = (this: ServerProduct, transport: TransportLike) => Promise<void>;
  const script: Script = async ({ request, answers }) => {
    request('tools/call', { name: 'shows' });
    await answers(1);
  };
  const count = async (change: (record: Record, product: McpServer) => void): Promise<Record> => {
    const build: Build = (record) => {
      const product = highLevel(record);
      change(record, product);
      return product;
    };
    return drive(build, { era: '2025', isTaken: true }, script);
  };
  const connectOf = (product: McpServer): Connect => product.connect.bind(product) as Connect;

  it.each<[string, (record: Record, product: McpServer) => void]>([
    [
      'a listener of its own',
      (record, product) => {
        const connect = connectOf(product);
        (product as ServerProduct).connect = async (transport) => {
          await connect.call(product, transport);
          const { onmessage } = transport;
          transport.onmessage = (message, extra) => {
            record.seen.push('heard');
            onmessage?.(message, extra);
          };
        };
      },
    ],
    [
      'a transport of its own',
      (record, product) => {
        const connect = connectOf(product);
        (product as ServerProduct).connect = async (transport) => {
          const own: TransportLike = { ...transport, start: async () => undefined };
          await connect.call(product, own);
          transport.onmessage = (message, extra) => {
            record.seen.push('heard');
            own.onmessage?.(message, extra);
          };
        };
      },
    ],
    [
      'a way of its own to receive requests',
      (record, { server }) => {
        const receive = Reflect.get(server, '_onrequest') as (...given: unknown[]) => void;
        Reflect.set(server, '_onrequest', (...given: unknown[]) => {
          record.seen.push('heard');
          receive.apply(server, given);
        });
      },
    ],
  ])('keeps %s', async (_name, change) => {
    const { seen, taken } = await count(change);
    expect(seen[0]).toBe('heard');
    expect(taken).toBe(0);
    expect((await count(() => undefined)).taken).toBe(1);
  });

  it.each([
    '_getRequestHandler',
    '_requestHandlerAbortControllers',
    '_outboundServerInfo',
    '_wireCodec',
    'buildContext',
    '_onrequest',
    'connect',
  ])('is left to the SDK when all of them lack %s', async (member) => {
    const sdk = await loadServerSdk();
    class Changed extends sdk.Server {
      constructor(...given: ConstructorParameters<ServerSdk['Server']>) {
        super(...given);
        Reflect.set(
          this,
          member,
          member === 'connect' ? () => Promise.reject(new Error('changed')) : undefined,
        );
      }
    }
    expect(findRequestDispatch({ ...sdk, Server: Changed } as ServerSdk)).toBeUndefined();
    expect(findRequestDispatch(sdk)).toBeDefined();
  });

  it.each(['era', 'hasRequestMethod', 'encodeResult', 'encodeErrorCode'])(
    'is left to the SDK when its codec lacks %s',
    async (member) => {
      const sdk = await loadServerSdk();
      class Changed extends sdk.Server {}
      Reflect.set(Changed.prototype, '_wireCodec', () => ({
        ...{ era: '2025', hasRequestMethod: Boolean, encodeResult: Object, encodeErrorCode: Number },
        [member]: undefined,
      }));
      expect(findRequestDispatch({ ...sdk, Server: Changed } as ServerSdk)).toBeUndefined();
    },
  );

  it('is left to the SDK when something listens in all of them', async () => {
    const sdk = await loadServerSdk();
    class Heard extends sdk.Server {
      override async connect(
        transport: Parameters<InstanceType<ServerSdk['Server']>['connect']>[0],
      ): Promise<void> {
        const connecting = super.connect(transport);
        const { onmessage } = transport;
        transport.onmessage = (message, extra) => onmessage?.(message, extra);
        await connecting;
      }
    }
    expect(findRequestDispatch({ ...sdk, Server: Heard } as ServerSdk)).toBeUndefined();
  });
});
