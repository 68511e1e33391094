import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ALICE, callerOf } from '../../test/support/guard-parts.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { Admission, Outcome } from '../core/admission.ts';
import { ALLOW, deny } from '../core/decision.ts';
import { refuse } from '../core/refusal.ts';
import { Secret } from '../core/secret.ts';
import type { Verdict } from './exchange.ts';
import type { GuardRules } from './guard-rules.ts';
import { GuardTransport } from './guard-transport.ts';
import { readFacts } from './message-facts.ts';
import { createProgressMonitor } from './progress.ts';
import type { JsonRpcMessage, JsonRpcRequest, TransportLike } from './server-product.ts';

interface Bench {
  readonly outer: TransportLike;
  /** What reached the server. */
  readonly received: JsonRpcMessage[];
  /** What reached the client. */
  readonly sent: JsonRpcMessage[];
  /** How each admission ended, by the request's id. */
  readonly outcomes: [string | number | undefined, Outcome][];
  readonly errors: Error[];
  arrive(message: unknown): void;
  close(): void;
}

type Options = Partial<Omit<GuardRules, 'verdict'>> & {
  readonly verdict?: (request: JsonRpcRequest, admission: Admission) => Verdict | Promise<Verdict>;
  readonly settle?: () => Promise<void>;
  readonly authorizer?: Authorizer;
};

const ALLOWING: Authorizer = { decide: () => ALLOW };

/** A guarded transport between a client and a server that the test plays. */
async function setUp({ verdict, settle, authorizer = ALLOWING, ...options }: Options = {}): Promise<Bench> {
  const received: JsonRpcMessage[] = [];
  const sent: JsonRpcMessage[] = [];
  const outcomes: Bench['outcomes'] = [];
  const errors: Error[] = [];
  const inner: TransportLike = {
    start: async () => undefined,
    send: async (message) => void sent.push(message),
    close: async () => inner.onclose?.(),
  };
  const admit = (request: JsonRpcRequest): Admission => ({
    facts: readFacts('notes', request),
    caller: callerOf(),
    upstreamToken: new Secret(''),
    settle: (outcome) => {
      outcomes.push([request.id, outcome]);
      return settle?.();
    },
  });
  const viewer = { principal: ALICE, server: 'notes', authorizer };
  const outer = new GuardTransport(inner, viewer, {
    progress: createProgressMonitor(() => 0),
    userIdOf: () => 'alice',
    verdict: (request) => (verdict === undefined ? admit(request) : verdict(request, admit(request))),
    ...options,
  });
  outer.onmessage = (message) => void received.push(message);
  outer.onerror = (error) => void errors.push(error);
  await outer.start();
  return {
    outer,
    received,
    sent,
    outcomes,
    errors,
    arrive: (message) => inner.onmessage?.(message as JsonRpcMessage),
    close: () => inner.onclose?.(),
  };
}

const request = (
  id: string | number,
  method = 'tools/call',
  params: Record<string, unknown> = { name: 'echo' },
) => ({ jsonrpc: '2.0', id, method, params }) as const;
const result = (id: string | number, value: Record<string, unknown> = { content: [] }) =>
  ({ jsonrpc: '2.0', id, result: value }) as const;
const notification = (method: string, params: Record<string, unknown> = {}) =>
  ({ jsonrpc: '2.0', method, params }) as const;

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('inward', () => {
  it('lets pass what is admitted, as it is', async () => {
    const bench = await setUp();
    const message = request(1);
    bench.arrive(message);
    expect(bench.received).toEqual([message]);
    expect(bench.received[0]).toBe(message);
    expect([bench.sent, bench.outcomes]).toEqual([[], []]);
  });

  it('answers what is refused, and the server never hears of it', async () => {
    const bench = await setUp({
      verdict: () => refuse('RATE_LIMIT_EXCEEDED', 'Slow down', { retryAfterSeconds: 3 }),
    });
    bench.arrive(request(1));
    await settled();
    expect(bench.received).toEqual([]);
    expect(bench.sent).toEqual([
      {
        jsonrpc: '2.0',
        id: 1,
        error: {
          code: -32029,
          message: 'Slow down',
          data: { code: 'RATE_LIMIT_EXCEEDED', retryAfterSeconds: 3 },
        },
      },
    ]);
  });

  it.each<[string, unknown]>([
    ['an id that is no id', { jsonrpc: '2.0', id: null, method: 'tools/call', params: { name: 'purge' } }],
    ['an id that is no whole number', { jsonrpc: '2.0', id: 1.5, method: 'tools/call' }],
    ['another version', { jsonrpc: '1.0', id: 1, method: 'tools/call' }],
    ['no version', { id: 1, method: 'tools/call' }],
    ['a request and an answer in one', { jsonrpc: '2.0', id: 1, method: 'tools/call', result: {} }],
    ['a batch', [request(1)]],
    ['params that are a list', { jsonrpc: '2.0', id: 1, method: 'tools/call', params: ['purge'] }],
    ['nothing', {}],
    ['null', null],
  ])('drops what an SDK might take for a request that nobody admitted: %s', async (_name, message) => {
    const bench = await setUp();
    bench.arrive(message);
    await settled();
    expect([bench.received, bench.outcomes]).toEqual([[], []]);
  });

  it('lets notifications and answers to the server pass', async () => {
    const bench = await setUp();
    const messages = [
      notification('notifications/initialized'),
      result(9),
      { jsonrpc: '2.0', id: 9, error: { code: 1, message: 'x' } },
    ];
    for (const message of messages) bench.arrive(message);
    expect(bench.received).toEqual(messages);
  });

  it('refuses an id that is still in use, and the first keeps it', async () => {
    const bench = await setUp();
    bench.arrive(request(1));
    bench.arrive(request(1, 'tools/call', { name: 'other' }));
    await settled();
    expect(bench.received).toHaveLength(1);
    expect(bench.sent).toMatchObject([{ id: 1, error: { code: -32600 } }]);
    expect(bench.outcomes).toMatchObject([[1, { ok: false }]]);
    await bench.outer.send(result(1));
    expect(bench.sent[1]).toEqual(result(1));
    // Free again.
    bench.arrive(request(1));
    expect(bench.received).toHaveLength(2);
  });

  it('keeps the order while a verdict is awaited', async () => {
    let decide = (): void => undefined;
    const bench = await setUp({
      verdict: (asked, admission) =>
        asked.id === 1
          ? new Promise((resolve) => {
              decide = () => resolve(admission);
            })
          : admission,
    });
    bench.arrive(request(1));
    bench.arrive(request(2));
    bench.arrive(notification('notifications/cancelled', { requestId: 1 }));
    await settled();
    expect(bench.received).toEqual([]);
    decide();
    await expect.poll(() => bench.received).toHaveLength(3);
    expect(bench.received.map((message) => ('id' in message ? message.id : 'notification'))).toEqual([
      1,
      2,
      'notification',
    ]);
  });

  it('reports a verdict that cannot be given, and goes on', async () => {
    const bench = await setUp({
      verdict: (asked, admission) =>
        asked.id === 1 ? Promise.reject(new Error('no verdict')) : Promise.resolve(admission),
    });
    bench.arrive(request(1));
    bench.arrive(request(2));
    await expect.poll(() => bench.received).toMatchObject([{ id: 2 }]);
    expect(bench.errors).toMatchObject([{ message: 'no verdict' }]);
  });
});

describe('outward', () => {
  it.each<[string, Record<string, unknown>, Outcome]>([
    ['a result', result(1), { ok: true }],
    [
      'a result that says it failed',
      result(1, { isError: true, content: [] }),
      { ok: false, error: 'tool_error' },
    ],
    [
      'an error',
      { jsonrpc: '2.0', id: 1, error: { code: -32000, message: 'no' } },
      { ok: false, error: -32000 },
    ],
  ])('ends the admission with %s, and passes it on', async (_name, answer, outcome) => {
    const bench = await setUp();
    bench.arrive(request(1));
    await bench.outer.send(answer as unknown as JsonRpcMessage);
    expect(bench.outcomes).toEqual([[1, outcome]]);
    expect(bench.sent).toEqual([answer]);
  });

  it('drops an answer to what nobody asked, and a second answer', async () => {
    const bench = await setUp();
    await bench.outer.send(result(1));
    bench.arrive(request(1));
    await bench.outer.send(result(1));
    await bench.outer.send(result(1, { content: [{ type: 'text', text: 'again' }] }));
    await bench.outer.send(result('1'));
    expect(bench.sent).toEqual([result(1)]);
    expect(bench.outcomes).toHaveLength(1);
  });

  it('passes on that a message could not be read, for which no request stands', async () => {
    const bench = await setUp();
    const unreadable = { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'Parse error' } } as const;
    await bench.outer.send(unreadable);
    expect(bench.sent).toEqual([unreadable]);
  });

  it('drops the answer to a request that was cancelled, whose admission has ended', async () => {
    const bench = await setUp();
    bench.arrive(request(1));
    bench.arrive(notification('notifications/cancelled', { requestId: 1 }));
    await bench.outer.send(result(1));
    expect(bench.received).toHaveLength(2);
    expect(bench.sent).toEqual([]);
    expect(bench.outcomes).toEqual([[1, { ok: false, error: 'aborted' }]]);
  });

  it('ends every admission when the connection ends', async () => {
    const bench = await setUp();
    bench.arrive(request(1));
    bench.arrive(request('two'));
    bench.close();
    expect(bench.outcomes).toEqual([
      [1, { ok: false, error: 'aborted' }],
      ['two', { ok: false, error: 'aborted' }],
    ]);
    await bench.outer.send(result(1));
    expect(bench.outcomes).toHaveLength(2);
  });

  it('shows lists without what is finally denied', async () => {
    const authorizer = {
      decide: ({ target }: { readonly target: { readonly name: string } }) =>
        target.name === 'purge' ? deny('missing_role') : ALLOW,
    };
    const bench = await setUp({ authorizer });
    bench.arrive(request(1, 'tools/list', {}));
    await bench.outer.send(
      result(1, { tools: [{ name: 'echo' }, { name: 'purge' }, { name: 7 }], nextCursor: 'c' }),
    );
    expect(bench.sent).toEqual([result(1, { tools: [{ name: 'echo' }], nextCursor: 'c' })]);
  });

  it('shows nothing of a list that cannot be filtered, and answers all the same', async () => {
    const authorizer = { decide: () => Promise.reject(new Error('policy engine is down')) };
    const bench = await setUp({ authorizer });
    bench.arrive(request(1, 'tools/list', {}));
    await bench.outer.send(result(1, { tools: [{ name: 'echo' }] }));
    expect(bench.sent).toMatchObject([{ id: 1, error: { code: -32603, message: 'Internal error' } }]);
    expect(bench.outcomes).toEqual([[1, { ok: false, error: -32603 }]]);
    expect(bench.errors).toMatchObject([{ message: 'policy engine is down' }]);
  });

  it('does not answer as if it were what must be on record and is not', async () => {
    const bench = await setUp({ settle: () => Promise.reject(new Error('no space')) });
    bench.arrive(request(1));
    await bench.outer.send(result(1, { content: [{ type: 'text', text: 'private' }] }));
    expect(bench.sent).toMatchObject([{ id: 1, error: { code: -32603 } }]);
    expect(JSON.stringify(bench.sent)).not.toContain('private');
  });

  it('waits for the record before it answers', async () => {
    let keep = (): void => undefined;
    const bench = await setUp({
      settle: () =>
        new Promise((resolve) => {
          keep = resolve;
        }),
    });
    bench.arrive(request(1));
    const answered = bench.outer.send(result(1));
    await settled();
    expect(bench.sent).toEqual([]);
    keep();
    await answered;
    expect(bench.sent).toEqual([result(1)]);
  });
});

describe('time', () => {
  async function setUpTimed(options: Options = {}): Promise<Bench> {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    return setUp({ timeoutMs: 500, ...options });
  }

  it('ends a request that takes too long, for the server and for the client', async () => {
    const bench = await setUpTimed();
    bench.arrive(request(1));
    await vi.advanceTimersByTimeAsync(499);
    expect(bench.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(bench.received[1]).toMatchObject({ method: 'notifications/cancelled', params: { requestId: 1 } });
    expect(bench.sent).toMatchObject([
      {
        id: 1,
        error: {
          code: -32001,
          message: 'The request took longer than 500 ms',
          data: { code: 'REQUEST_TIMEOUT' },
        },
      },
    ]);
    expect(bench.outcomes).toEqual([[1, { ok: false, error: -32001 }]]);
  });

  it('drops what the server answers after that', async () => {
    const bench = await setUpTimed();
    bench.arrive(request(1));
    await vi.advanceTimersByTimeAsync(500);
    await bench.outer.send(result(1));
    expect(bench.sent).toHaveLength(1);
    expect(bench.outcomes).toHaveLength(1);
  });

  it('does not touch what was answered in time, nor a stream that is meant to last', async () => {
    const bench = await setUpTimed();
    bench.arrive(request(1));
    bench.arrive(request(2, 'subscriptions/listen', {}));
    await bench.outer.send(result(1));
    await vi.advanceTimersByTimeAsync(100_000);
    expect(bench.sent).toEqual([result(1)]);
    expect(bench.received).toHaveLength(2);
  });

  it('holds a result back until the last progress of its call is out, where a client would lose it', async () => {
    const bench = await setUpTimed({ resultGapMs: 10 });
    bench.arrive(request(1, 'tools/call', { name: 'slow', _meta: { progressToken: 'p' } }));
    bench.arrive(request(2));
    await bench.outer.send(notification('notifications/progress', { progressToken: 'p', progress: 1 }));
    const answered = bench.outer.send(result(1));
    await bench.outer.send(result(2));
    expect(bench.sent.slice(1)).toEqual([result(2)]);
    await vi.advanceTimersByTimeAsync(10);
    await answered;
    expect(bench.sent.at(-1)).toEqual(result(1));
  });
});

describe('progress and changes', () => {
  it('counts progress to the call it belongs to, while that runs', async () => {
    const progress = createProgressMonitor(() => 0);
    onTestFinished(() => progress.close());
    const bench = await setUp({ progress });
    const report = notification('notifications/progress', { progressToken: 'p', progress: 1 });
    await bench.outer.send(report);
    bench.arrive(request(1, 'tools/call', { name: 'slow', _meta: { progressToken: 'p' } }));
    await bench.outer.send(report);
    await bench.outer.send(notification('notifications/progress', { progressToken: 'other', progress: 1 }));
    expect(progress.stats(ALICE, 'alice').user).toMatchObject({ activeStreams: 1, totalMessages: 1 });
    await bench.outer.send(result(1));
    expect(progress.stats(ALICE, 'alice').user.activeStreams).toBe(0);
    expect(bench.sent).toHaveLength(4);
  });

  it('tells of changes, and of a resource only those who may know it', async () => {
    const changes: string[] = [];
    const authorizer = {
      decide: ({ target }: { readonly target: { readonly name: string } }) =>
        target.name === 'notes://secret' ? deny('missing_role') : ALLOW,
    };
    const bench = await setUp({
      authorizer,
      onChange: ({ method }) => void changes.push(method),
    });
    await bench.outer.send(notification('notifications/tools/list_changed'));
    for (const uri of ['notes://public', 'notes://secret', 7]) {
      await bench.outer.send(notification('notifications/resources/updated', { uri }));
    }
    await bench.outer.send(notification('notifications/message', {}));
    expect(
      bench.sent.map((message) => ('method' in message ? [message.method, message.params] : [])),
    ).toEqual([
      ['notifications/tools/list_changed', {}],
      ['notifications/resources/updated', { uri: 'notes://public' }],
      ['notifications/message', {}],
    ]);
    expect(changes[0]).toBe('notifications/tools/list_changed');
  });
});

describe('the transport itself', () => {
  it('has what the inner one has, and nothing that it lacks', async () => {
    const bench = await setUp();
    expect('setScopeChallengeResolver' in bench.outer).toBe(false);
    const calls: unknown[] = [];
    const inner: TransportLike = {
      start: async () => undefined,
      send: async () => undefined,
      close: async () => undefined,
      sessionId: 'session-1',
      hasPerRequestStream: true,
      setProtocolVersion: (version) => void calls.push(version),
      setScopeChallengeResolver: (resolver) => void calls.push(resolver),
    };
    const viewer = { principal: ALICE, server: 'notes', authorizer: ALLOWING };
    const outer = new GuardTransport(inner, viewer, {
      progress: createProgressMonitor(() => 0),
      userIdOf: () => 'alice',
      verdict: () => refuse('ACCESS_DENIED', 'no'),
    });
    expect([outer.sessionId, outer.hasPerRequestStream]).toEqual(['session-1', true]);
    outer.setProtocolVersion?.('2025-11-25');
    outer.setScopeChallengeResolver?.('resolver');
    expect(calls).toEqual(['2025-11-25', 'resolver']);
  });
});

describe('a request that cannot be narrowed to what is allowed', () => {
  it('is answered, settled and reported, and reaches no server', async () => {
    const bench = await setUp({ rewrite: () => Promise.reject(new Error('broken')) });
    bench.arrive(request(1));
    await expect
      .poll(() => bench.sent)
      .toEqual([{ jsonrpc: '2.0', id: 1, error: { code: -32603, message: 'Internal error' } }]);
    expect(bench.outcomes).toEqual([[1, { ok: false, error: -32603 }]]);
    expect([bench.received, bench.errors.map(({ message }) => message)]).toEqual([[], ['broken']]);
  });
});

describe('a server that closes', () => {
  it('has what it still owes answered for it, and recorded as a failure', async () => {
    const bench = await setUp();
    const closed = vi.fn();
    bench.outer.onclose = closed;
    bench.arrive(request(1));
    bench.arrive(request('two', 'tools/list', {}));
    await bench.outer.send(result(1));
    await bench.outer.close();
    const message = 'The server closed before it answered';
    expect(bench.sent).toEqual([result(1), { jsonrpc: '2.0', id: 'two', error: { code: -32000, message } }]);
    expect(bench.outcomes).toEqual([
      [1, { ok: true }],
      ['two', { ok: false, error: -32000 }],
    ]);
    expect(closed).toHaveBeenCalledOnce();
  });

  it('may throw when it hears of that, and is reported', async () => {
    const faults: unknown[] = [];
    const bench = await setUp({ onError: (error) => void faults.push(error) });
    const fault = new Error('cannot clean up');
    bench.outer.onclose = () => {
      throw fault;
    };
    await bench.outer.close();
    expect([bench.errors, faults]).toEqual([[fault], [fault]]);
  });

  it('is not answered for when its client has gone first', async () => {
    const bench = await setUp();
    bench.arrive(request(1));
    bench.close();
    await bench.outer.close();
    expect(bench.sent).toEqual([]);
    expect(bench.outcomes).toEqual([[1, { ok: false, error: 'aborted' }]]);
  });
});
