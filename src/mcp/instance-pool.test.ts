import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ServerPoolError } from '../core/errors.ts';
import { SignalPresence } from '../http/client-presence.ts';
import { createInstancePool, type InstancePool, type InstancePoolOptions } from './instance-pool.ts';

interface Instance {
  readonly key: string;
  readonly number: number;
  broken: boolean;
}

interface Bench {
  readonly pool: InstancePool<Instance>;
  readonly destroyed: Instance[];
  readonly errors: unknown[];
}

let pools: InstancePool<Instance>[] = [];

function bench(options: Partial<InstancePoolOptions<Instance>> = {}): Bench {
  const destroyed: Instance[] = [];
  const errors: unknown[] = [];
  let number = 0;
  const pool = createInstancePool<Instance>({
    maxSize: 2,
    idleTimeoutMs: 1_000,
    maxLifetimeMs: 10_000,
    now: Date.now,
    create: async (key) => {
      number += 1;
      return { key, number, broken: false };
    },
    destroy: (instance) => void destroyed.push(instance),
    isAlive: (instance) => !instance.broken,
    onError: (error) => errors.push(error),
    ...options,
  });
  pools.push(pool);
  return { pool, destroyed, errors };
}

/** The error of a promise that is expected to reject, watched from the start. */
function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(async () => {
  vi.useRealTimers();
  const closing = pools.map((pool) => pool.close());
  pools = [];
  await Promise.all(closing);
});

describe('lease', () => {
  it('reuses an instance for its own key only', async () => {
    const { pool } = bench();
    const first = await pool.lease('alice');
    first.release();
    const again = await pool.lease('alice');
    const other = await pool.lease('bob');
    expect(again.instance).toBe(first.instance);
    expect(other.instance.key).toBe('bob');
    expect(pool.stats()).toEqual({
      size: 2,
      idle: 0,
      leased: 2,
      waiting: 0,
      created: 2,
      reused: 1,
      evicted: 0,
    });
    again.release();
    other.release();
  });

  it('never leases one instance twice at once', async () => {
    const { pool } = bench();
    const [one, two] = await Promise.all([pool.lease('alice'), pool.lease('alice')]);
    expect(one?.instance).not.toBe(two?.instance);
    one?.release();
    two?.release();
  });

  it('prefers what was used last', async () => {
    const { pool } = bench();
    const [one, two] = await Promise.all([pool.lease('alice'), pool.lease('alice')]);
    two?.release();
    one?.release();
    const next = await pool.lease('alice');
    expect(next.instance).toBe(one?.instance);
    next.release();
  });

  it('counts a release once, however often it is called', async () => {
    const { pool, destroyed } = bench();
    const lease = await pool.lease('alice');
    lease.release();
    lease.release();
    lease.discard();
    expect(pool.stats()).toMatchObject({ idle: 1, leased: 0 });
    expect(destroyed).toEqual([]);
    const next = await pool.lease('alice');
    lease.discard();
    expect(pool.stats()).toMatchObject({ idle: 0, leased: 1 });
    next.release();
  });

  it('destroys what is discarded or broken instead of reusing it', async () => {
    const { pool, destroyed } = bench();
    const discarded = await pool.lease('alice');
    discarded.discard();
    const broken = await pool.lease('alice');
    broken.release();
    broken.instance.broken = true;
    const third = await pool.lease('alice');
    third.instance.broken = true;
    third.release();
    expect(destroyed.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(pool.stats().size).toBe(0);
  });

  it('uses the creation that a lease brings along', async () => {
    const { pool } = bench();
    const instance = { key: 'alice', number: 99, broken: false };
    const lease = await pool.lease('alice', undefined, async () => instance);
    expect(lease.instance).toBe(instance);
    lease.release();
  });

  it('takes no slot when creating fails, and lets the next one try', async () => {
    const failure = new Error('cannot start');
    const create = vi.fn().mockRejectedValueOnce(failure);
    const { pool } = bench({ maxSize: 1, create });
    create.mockResolvedValue({ key: 'alice', number: 1, broken: false });
    const failed = failureOf(pool.lease('alice'));
    const waiting = pool.lease('alice');
    expect(await failed).toBe(failure);
    const lease = await waiting;
    expect(pool.stats()).toMatchObject({ size: 1, created: 1 });
    lease.release();
  });
});

describe('a full pool', () => {
  it('gives up what was idle longest, whoever it belongs to', async () => {
    const { pool, destroyed } = bench();
    for (const key of ['alice', 'bob']) {
      const lease = await pool.lease(key);
      lease.release();
    }
    const lease = await pool.lease('carol');
    expect(destroyed.map(({ key }) => key)).toEqual(['alice']);
    expect(pool.stats()).toMatchObject({ size: 2, idle: 1, evicted: 1 });
    lease.release();
  });

  it('never exceeds its size, and serves those who wait in the order they came', async () => {
    let alive = 0;
    let most = 0;
    const { pool } = bench({
      create: async (key) => {
        alive += 1;
        most = Math.max(most, alive);
        await Promise.resolve();
        return { key, number: alive, broken: false };
      },
      destroy: () => {
        alive -= 1;
      },
    });
    const order: string[] = [];
    const users = ['alice', 'bob', 'carol', 'alice', 'dave', 'bob', 'carol', 'alice'];
    await Promise.all(
      users.map(async (key, index) => {
        const lease = await pool.lease(key);
        expect(lease.instance.key).toBe(key);
        order.push(`${key}-${index}`);
        await Promise.resolve();
        lease.release();
      }),
    );
    expect(order).toEqual(users.map((key, index) => `${key}-${index}`));
    expect(most).toBe(2);
    expect(pool.stats()).toMatchObject({ leased: 0, waiting: 0 });
  });

  it('refuses after the time to wait, without a trace', async () => {
    const { pool } = bench({ maxSize: 1, waitTimeoutMs: 50 });
    const lease = await pool.lease('alice');
    const refused = failureOf(pool.lease('bob'));
    await vi.advanceTimersByTimeAsync(50);
    expect(await refused).toBeInstanceOf(ServerPoolError);
    expect(await refused).toMatchObject({ code: 'SERVER_POOL_ERROR', status: 503 });
    expect(pool.stats().waiting).toBe(0);
    lease.release();
    expect(pool.stats()).toMatchObject({ idle: 1, leased: 0 });
  });

  it('bounds how many wait', async () => {
    const { pool } = bench({ maxSize: 1, maxWaiting: 1 });
    const lease = await pool.lease('alice');
    const waiting = pool.lease('bob');
    expect(await failureOf(pool.lease('carol'))).toBeInstanceOf(ServerPoolError);
    lease.release();
    (await waiting).release();
  });

  it('lets go of who no longer wants to wait', async () => {
    const { pool } = bench({ maxSize: 1 });
    const lease = await pool.lease('alice');
    const controller = new AbortController();
    const refused = failureOf(pool.lease('bob', new SignalPresence(controller.signal)));
    controller.abort('gone');
    expect(await refused).toMatchObject({ name: 'AbortError', message: 'gone' });
    expect(pool.stats().waiting).toBe(0);
    lease.release();
    expect(pool.stats().idle).toBe(1);
    expect(await failureOf(pool.lease('bob', new SignalPresence(controller.signal)))).toMatchObject({
      name: 'AbortError',
    });
  });

  it('keeps an instance that was created for someone who has left', async () => {
    const { pool } = bench();
    const controller = new AbortController();
    const refused = failureOf(pool.lease('alice', new SignalPresence(controller.signal)));
    controller.abort();
    expect(await refused).toMatchObject({ name: 'AbortError' });
    expect(pool.stats()).toMatchObject({ idle: 1, leased: 0, created: 1 });
  });
});

describe('age', () => {
  it('ends what lies idle, with one timer and only while something lies there', async () => {
    const { pool, destroyed } = bench();
    expect(vi.getTimerCount()).toBe(0);
    const [one, two] = await Promise.all([pool.lease('alice'), pool.lease('bob')]);
    expect(vi.getTimerCount()).toBe(0);
    one?.release();
    await vi.advanceTimersByTimeAsync(600);
    two?.release();
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(400);
    expect(destroyed.map(({ key }) => key)).toEqual(['alice']);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(600);
    expect(destroyed.map(({ key }) => key)).toEqual(['alice', 'bob']);
    expect(vi.getTimerCount()).toBe(0);
    expect(pool.stats()).toMatchObject({ size: 0, evicted: 2 });
  });

  it('ends what has lived too long, even when it is used all the time', async () => {
    const { pool, destroyed } = bench();
    for (let second = 0; second < 12; second += 1) {
      const lease = await pool.lease('alice');
      await vi.advanceTimersByTimeAsync(999);
      lease.release();
    }
    expect(destroyed.map(({ number }) => number)).toEqual([1]);
    expect(pool.stats()).toMatchObject({ created: 2, evicted: 1 });
  });

  it('does not hand out what is spent though no timer has run', async () => {
    let now = 0;
    const { pool, destroyed } = bench({ now: () => now });
    const lease = await pool.lease('alice');
    lease.release();
    now = 1_000;
    const next = await pool.lease('alice');
    expect(next.instance.number).toBe(2);
    expect(destroyed.map(({ number }) => number)).toEqual([1]);
    next.release();
  });
});

describe('evict', () => {
  it('ends idle instances now and leased ones when they come back, also those still being created', async () => {
    let finish: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { pool, destroyed } = bench({ maxSize: 4 });
    const idle = await pool.lease('alice');
    const leased = await pool.lease('alice');
    const other = await pool.lease('bob');
    idle.release();
    other.release();
    const creating = pool.lease('alice-2', undefined, async () => {
      await held;
      return { key: 'alice-2', number: 10, broken: false };
    });
    pool.evict((key) => key.startsWith('alice'));
    expect(destroyed.map(({ number }) => number)).toEqual([1]);
    leased.release();
    finish();
    (await creating).release();
    expect(destroyed.map(({ number }) => number)).toEqual([1, 2, 10]);
    expect(pool.stats()).toMatchObject({ size: 1, idle: 1, evicted: 3 });
  });
});

describe('close', () => {
  it('waits for leases, and destroys everything', async () => {
    const { pool, destroyed } = bench();
    const [one, two] = await Promise.all([pool.lease('alice'), pool.lease('bob')]);
    one?.release();
    const closing = pool.close();
    expect(await failureOf(pool.lease('alice'))).toBeInstanceOf(ServerPoolError);
    expect(destroyed.map(({ key }) => key)).toEqual(['alice']);
    two?.release();
    await closing;
    expect(destroyed.map(({ key }) => key)).toEqual(['alice', 'bob']);
    expect(pool.stats().size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('refuses who waits', async () => {
    const { pool } = bench({ maxSize: 1 });
    const lease = await pool.lease('alice');
    const waiting = failureOf(pool.lease('bob'));
    const closing = pool.close();
    expect(await waiting).toBeInstanceOf(ServerPoolError);
    lease.release();
    await closing;
  });

  it('does not wait for ever for a lease that nobody returns', async () => {
    const { pool, destroyed } = bench({ drainTimeoutMs: 100 });
    const lost = await pool.lease('alice');
    const closing = pool.close();
    await vi.advanceTimersByTimeAsync(100);
    await closing;
    expect(destroyed).toEqual([lost.instance]);
    lost.release();
    expect(destroyed).toHaveLength(1);
  });

  it('reports what fails to be destroyed, and waits for the rest', async () => {
    const failure = new Error('stuck');
    const { pool, errors } = bench({ destroy: () => Promise.reject(failure) });
    const lease = await pool.lease('alice');
    lease.discard();
    await pool.close();
    expect(errors).toEqual([failure]);
  });
});

describe('an instance pool with owners', () => {
  const perOwner = { max: 2, ownerOf: (key: string) => key.split('/')[0] ?? '' };

  it('gives none more than their share, and lets others pass those who wait', async () => {
    const { pool } = bench({ maxSize: 5, perOwner });
    const [one] = [await pool.lease('alice/1'), await pool.lease('alice/2')];
    let served = false;
    const third = pool.lease('alice/3').then((lease) => {
      served = true;
      return lease;
    });
    const bob = await pool.lease('bob/1');
    expect(served).toBe(false);
    bob.release();
    await vi.advanceTimersByTimeAsync(10);
    expect(served).toBe(false);
    one?.discard();
    expect((await third).instance.key).toBe('alice/3');
  });

  it('lets an idle one of the same owner give way, and of nobody else', async () => {
    const { pool, destroyed } = bench({ maxSize: 5, perOwner });
    for (const key of ['bob/1', 'alice/1', 'alice/2']) (await pool.lease(key)).release();
    const lease = await pool.lease('alice/3');
    await vi.advanceTimersByTimeAsync(0);
    expect(destroyed.map(({ key }) => key)).toEqual(['alice/1']);
    lease.release();
    expect(pool.stats()).toMatchObject({ size: 3, idle: 3 });
  });

  it('forgets what could not be created', async () => {
    const { pool } = bench({ maxSize: 5, perOwner });
    const create = () => Promise.reject(new Error('no'));
    for (let count = 0; count < 3; count += 1) {
      expect(await failureOf(pool.lease('alice/1', undefined, create))).toMatchObject({ message: 'no' });
    }
    await pool.lease('alice/1');
    await pool.lease('alice/2');
    expect(pool.stats().size).toBe(2);
  });
});

describe('an instance pool that counts until all is gone', () => {
  it('makes nothing new while what gave way is still there', async () => {
    const endings: (() => void)[] = [];
    const destroy = () => new Promise<void>((resolve) => endings.push(resolve));
    const { pool } = bench({ maxSize: 2, countsUntilDestroyed: true, destroy });
    for (const key of ['alice', 'bob']) (await pool.lease(key)).release();
    const waiting = ['carol', 'dave'].map((key) => pool.lease(key));
    await vi.advanceTimersByTimeAsync(10);
    expect([endings.length, pool.stats()]).toEqual([2, expect.objectContaining({ size: 0, waiting: 2 })]);
    endings[0]?.();
    const first = await Promise.race(waiting);
    expect([first.instance.key, pool.stats().waiting]).toEqual(['carol', 1]);
    endings[1]?.();
    expect((await waiting[1])?.instance.key).toBe('dave');
    for (const lease of await Promise.all(waiting)) lease.discard();
    for (const end of endings) end();
  });

  it('ends no more than those who wait need', async () => {
    const endings: (() => void)[] = [];
    const destroy = () => new Promise<void>((resolve) => endings.push(resolve));
    const { pool } = bench({ maxSize: 3, countsUntilDestroyed: true, destroy });
    for (const key of ['alice', 'bob', 'carol']) (await pool.lease(key)).release();
    const waiting = pool.lease('dave');
    expect(endings.length).toBe(1);
    endings[0]?.();
    (await waiting).release();
    expect(pool.stats()).toMatchObject({ idle: 3 });
    const closing = pool.close();
    for (const end of endings) end();
    await closing;
  });
});
