import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { toWebResponse } from '../http/answer.ts';
import { fromWebRequest } from '../http/inbound-request.ts';
import type { Assembly } from './assemble.ts';
import { closeGate, countTraffic, type WaysIn } from './close-gate.ts';

const REQUEST = fromWebRequest(new Request('http://127.0.0.1/'));

interface Behaviour {
  /** Calls running, from one look to the next. */
  readonly running?: readonly number[];
  readonly runtime?: () => Promise<void>;
  readonly resolver?: () => Promise<void>;
  readonly audit?: () => Promise<void>;
}

/** The parts that closing touches; each one writes down when it was closed. */
function createAssembly({ running = [], runtime, resolver, audit }: Behaviour = {}) {
  const log: string[] = [];
  const left = [...running];
  const closing = (name: string, work?: () => Promise<void>) => async () => {
    log.push(name);
    await work?.();
  };
  const server = {
    guard: {
      get running() {
        return left.shift() ?? 0;
      },
      abandonAll: closing('abandon'),
    },
    runtime: { close: closing('runtime', runtime) },
  };
  const assembly = {
    servers: [server],
    liveStreams: { closeAll: () => void log.push('streams') },
    progress: { close: () => void log.push('progress') },
    tenancy: { resolvers: [{ cleanup: closing('resolver', resolver) }, {}] },
    auth: { provider: { cleanup: closing('provider') } },
    audit: { close: closing('audit', audit) },
    refuseNew: () => void log.push('refuse'),
  };
  return { assembly: assembly as unknown as Assembly, log };
}

function waysIn(more: Partial<WaysIn> = {}): WaysIn {
  return {
    traffic: { site: async () => new Response(), unanswered: 0 },
    listening: undefined,
    connections: [],
    ...more,
  };
}

const ORDER = [
  'refuse',
  'streams',
  'abandon',
  'runtime',
  'abandon',
  'progress',
  'resolver',
  'provider',
  'audit',
];

describe('closeGate', () => {
  it('refuses what is new first, and closes the audit log last', async () => {
    const { assembly, log } = createAssembly();
    await closeGate(assembly, waysIn());
    expect(log).toEqual(ORDER);
  });

  it('closes connections before the servers behind them', async () => {
    const { assembly, log } = createAssembly();
    const connection = { close: async () => void log.push('connection'), closed: Promise.resolve() };
    await closeGate(assembly, waysIn({ connections: [connection] }));
    expect(log.indexOf('connection')).toBe(log.indexOf('abandon') - 1);
    expect(log.indexOf('abandon')).toBe(log.indexOf('runtime') - 1);
  });

  it('waits for calls, for answers and for the listener', async () => {
    const { assembly, log } = createAssembly({ running: [2, 1] });
    const unanswered = [1, 1, 1];
    const traffic = {
      site: async () => new Response(),
      get unanswered() {
        return unanswered.shift() ?? 0;
      },
    };
    const listener = { host: '127.0.0.1', port: 1, close: async () => void log.push('listener') };
    await closeGate(assembly, waysIn({ traffic, listening: Promise.resolve(listener) }));
    expect(unanswered).toEqual([]);
    expect(log.indexOf('listener')).toBeLessThan(log.indexOf('runtime'));
  });

  it('closes a gate that could not listen', async () => {
    const { assembly, log } = createAssembly();
    const listening = Promise.reject(new Error('taken'));
    await closeGate(assembly, waysIn({ listening }));
    expect(log).toEqual(ORDER);
  });

  it('closes the others when one part fails, and throws its failure', async () => {
    const { assembly, log } = createAssembly({ runtime: () => Promise.reject(new Error('stuck')) });
    await expect(closeGate(assembly, waysIn())).rejects.toThrow('stuck');
    expect(log).toEqual(ORDER);
  });

  it('throws all failures when there are several', async () => {
    const { assembly } = createAssembly({
      resolver: () => Promise.reject(new Error('one')),
      audit: () => Promise.reject(new Error('two')),
    });
    const failure = await closeGate(assembly, waysIn()).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AggregateError);
    expect((failure as AggregateError).errors).toMatchObject([{ message: 'one' }, { message: 'two' }]);
  });

  it('waits for no call longer than its grace, and for no part longer than its bound', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { assembly, log } = createAssembly({
      running: Array.from({ length: 10_000 }, () => 1),
      runtime: () => new Promise(() => undefined),
    });
    const closing = closeGate(assembly, waysIn());
    // Settled later; until then its failure is nobody's surprise.
    closing.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(29_000);
    expect(log).toEqual(['refuse', 'streams']);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(log.at(-1)).toBe('runtime');
    await vi.advanceTimersByTimeAsync(6_000);
    await expect(closing).rejects.toThrow('did not close in time');
    expect(log).toEqual(ORDER);
  });
});

describe('countTraffic', () => {
  it('counts requests until they are answered, however that ends', async () => {
    let answer = (_response: Response): void => undefined;
    let fail = (_error: Error): void => undefined;
    const traffic = countTraffic(
      () =>
        new Promise((resolve, reject) => {
          answer = resolve;
          fail = reject;
        }),
    );
    const first = traffic.site(REQUEST);
    expect(traffic.unanswered).toBe(1);
    answer(new Response('done'));
    expect(await toWebResponse(await first).text()).toBe('done');
    const second = traffic.site(REQUEST);
    fail(new Error('broken'));
    await expect(second).rejects.toThrow('broken');
    expect(traffic.unanswered).toBe(0);
  });
});
