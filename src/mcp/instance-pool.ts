import type { ClientPresence } from '../http/client-presence.ts';
import { abortReason } from './abort-reason.ts';
import { createInstanceShelf, type InstanceShelf, type Slot } from './instance-shelf.ts';
import { createLeaseQueue } from './lease-queue.ts';
import { busyError, closedError } from './pool-errors.ts';

/** An instance for one user of it at a time. Exactly one of the two methods counts, and only once. */
export interface Lease<T> {
  readonly instance: T;
  /** Gives the instance back for reuse. */
  release(): void;
  /** Gives it back to be destroyed: it is broken, or still busy. */
  discard(): void;
}

export interface PoolStats {
  /** Instances that exist or are being created. */
  readonly size: number;
  readonly idle: number;
  /** In use, or being created for someone. */
  readonly leased: number;
  readonly waiting: number;
  readonly created: number;
  readonly reused: number;
  /** Ended for age, for room or by {@link InstancePool.evict}. */
  readonly evicted: number;
}

export interface InstancePoolOptions<T> {
  /** Default 100. */
  readonly maxSize?: number | undefined;
  /**
   * How many instances one owner may have, of those that `ownerOf` tells apart by their keys: then the owner's own
   * give way, and its leases wait.
   */
  readonly perOwner?: { readonly max: number; readonly ownerOf: (key: string) => string } | undefined;
  /** Whether an instance counts until it is destroyed, and not only until that begins. Default false. */
  readonly countsUntilDestroyed?: boolean | undefined;
  /** How long an instance may lie unused. */
  readonly idleTimeoutMs: number;
  /** How long after its creation an instance may still be handed out. */
  readonly maxLifetimeMs: number;
  /** How long a lease may wait for room. Default 5000. */
  readonly waitTimeoutMs?: number | undefined;
  /** How many leases may wait. Default 1000. */
  readonly maxWaiting?: number | undefined;
  /** How long `close` waits for leases before it destroys what is still leased. Default 10000. */
  readonly drainTimeoutMs?: number | undefined;
  readonly now: () => number;
  readonly create: (key: string) => Promise<T>;
  readonly destroy: (instance: T) => void | Promise<void>;
  /** Whether an instance can still be used; one that cannot is destroyed instead of reused. */
  readonly isAlive?: ((instance: T) => boolean) | undefined;
  /** Failures to destroy. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Instances kept between uses, each leased to one user at a time and never under another key than the
 * one it was created for. Several may exist under one key.
 */
export interface InstancePool<T> {
  /**
   * The instance of this key that was used last, else a new one. `create` makes it where the key alone
   * does not tell how, in place of the pool's own; its failure is thrown as it is.
   *
   * @throws ServerPoolError (SERVER_POOL_ERROR) when all instances stay in use or the pool is closed, and
   *   the signal's reason when the client goes away first.
   */
  lease(key: string, presence?: Presence, create?: () => Promise<T>): Promise<Lease<T>>;
  /** The same where nothing has to be waited for: the instance that was used last, if it can be had now. */
  reuse(key: string, presence?: Presence): Lease<T> | undefined;
  /** Ends idle instances of matching keys now, and leased ones as soon as they are given back. */
  evict(predicate: (key: string) => boolean): void;
  stats(): PoolStats;
  /** Refuses new leases, waits for open ones within bounds, and destroys everything. */
  close(): Promise<void>;
}

export function createInstancePool<T>(options: InstancePoolOptions<T>): InstancePool<T> {
  return new Pool(options);
}

/** Of the client that a lease is for. */
type Presence = Pick<ClientPresence, 'isGone' | 'signal'>;

interface Demand<T> {
  readonly key: string;
  readonly presence: Presence | undefined;
  readonly create: () => Promise<T>;
}

class Pool<T> implements InstancePool<T> {
  readonly #options: InstancePoolOptions<T>;
  readonly #maxSize: number;
  readonly #idle: InstanceShelf<T>;
  readonly #leased = new Set<Slot<T>>();
  readonly #destroying = new Set<Promise<void>>();
  readonly #waiting = createLeaseQueue<Demand<T>, Lease<T>>();
  readonly #owned = new Map<string, number>();
  readonly #counts = { created: 0, reused: 0, evicted: 0 };
  #closing: Promise<void> | undefined;
  #onReturned: (() => void) | undefined;

  constructor(options: InstancePoolOptions<T>) {
    const { idleTimeoutMs, maxLifetimeMs, now } = options;
    this.#options = options;
    this.#maxSize = options.maxSize ?? 100;
    this.#idle = createInstanceShelf({
      idleTimeoutMs,
      maxLifetimeMs,
      now,
      onSpent: (slot) => this.#evictIdle(slot),
    });
  }

  async lease(key: string, presence?: Presence, create = () => this.#options.create(key)): Promise<Lease<T>> {
    if (presence?.isGone === true) throw abortReason(presence.signal);
    if (this.#closing !== undefined) throw closedError();
    const demand = { key, presence, create };
    return this.#tryLease(demand) ?? this.#wait(demand);
  }

  reuse(key: string, presence?: Presence): Lease<T> | undefined {
    return presence?.isGone === true || this.#closing !== undefined ? undefined : this.#reuse(key);
  }

  evict(predicate: (key: string) => boolean): void {
    for (const slot of this.#leased) if (predicate(slot.key)) slot.doomed = true;
    for (const slot of this.#idle.takeMatching(predicate)) this.#evictIdle(slot);
  }

  stats(): PoolStats {
    const idle = this.#idle.size;
    const leased = this.#leased.size;
    return { size: idle + leased, idle, leased, waiting: this.#waiting.size, ...this.#counts };
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  readonly #tryLease = (demand: Demand<T>): Promise<Lease<T>> | undefined => {
    const lease = this.#reuse(demand.key);
    if (lease !== undefined) return Promise.resolve(lease);
    return this.#makeRoom(demand.key) ? this.#create(demand) : undefined;
  };

  #reuse(key: string): Lease<T> | undefined {
    for (;;) {
      const slot = this.#idle.take(key);
      if (slot === undefined) return undefined;
      if (slot.instance === undefined || !this.#isAlive(slot.instance)) {
        this.#evictIdle(slot);
        continue;
      }
      this.#leased.add(slot);
      this.#counts.reused += 1;
      return this.#toLease(slot, slot.instance);
    }
  }

  /** Of an owner who has enough, one of its own gives way; elsewhere the longest idle, whoever's it is. */
  #makeRoom(key: string): boolean {
    const { perOwner } = this.#options;
    if (perOwner !== undefined) {
      const owner = perOwner.ownerOf(key);
      const isFull = (): boolean => (this.#owned.get(owner) ?? 0) >= perOwner.max;
      if (isFull()) this.#giveWay((other) => perOwner.ownerOf(other) === owner);
      if (isFull()) return false;
    }
    if (this.#count() >= this.#maxSize) this.#giveWay(() => true);
    return this.#count() < this.#maxSize;
  }

  #count(): number {
    const ending = this.#options.countsUntilDestroyed === true ? this.#destroying.size : 0;
    return this.#idle.size + this.#leased.size + ending;
  }

  /** One is enough for each who waits: what is being destroyed already makes room too. */
  #giveWay(predicate: (key: string) => boolean): void {
    if (this.#options.countsUntilDestroyed === true && this.#destroying.size > this.#waiting.size) return;
    const longestIdle = this.#idle.takeLongestIdle(predicate);
    if (longestIdle !== undefined) this.#evictIdle(longestIdle);
  }

  async #create({ key, presence, create }: Demand<T>): Promise<Lease<T>> {
    const slot: Slot<T> = { key, createdAt: this.#options.now(), instance: undefined, doomed: false };
    this.#leased.add(slot);
    this.#own(key, 1);
    let instance: T;
    try {
      instance = await create();
    } catch (error) {
      this.#own(key, -1);
      this.#giveBack(slot, false);
      throw error;
    }
    slot.instance = instance;
    this.#counts.created += 1;
    if (!this.#leased.has(slot)) {
      // The pool was closed and has stopped waiting for this one.
      this.#destroy(slot);
      throw closedError();
    }
    const lease = this.#toLease(slot, instance);
    if (presence?.isGone === true) {
      lease.release();
      throw abortReason(presence.signal);
    }
    return lease;
  }

  #wait(demand: Demand<T>): Promise<Lease<T>> {
    const { waitTimeoutMs = 5_000, maxWaiting = 1_000 } = this.#options;
    if (this.#waiting.size >= maxWaiting) throw busyError('too many leases wait');
    return this.#waiting.wait(demand, {
      signal: demand.presence?.signal,
      timeoutMs: waitTimeoutMs,
      late: () => busyError(`no room within ${waitTimeoutMs} ms`),
    });
  }

  #toLease(slot: Slot<T>, instance: T): Lease<T> {
    let isOpen = true;
    const end = (reusable: boolean): void => {
      if (isOpen) this.#giveBack(slot, reusable);
      isOpen = false;
    };
    return { instance, release: () => end(true), discard: () => end(false) };
  }

  #giveBack(slot: Slot<T>, reusable: boolean): void {
    if (!this.#leased.delete(slot)) return;
    const { instance } = slot;
    if (instance !== undefined) {
      const isWanted = !slot.doomed && this.#closing === undefined;
      if (reusable && isWanted && this.#isAlive(instance)) this.#idle.add(slot);
      else if (slot.doomed) this.#evictIdle(slot);
      else this.#destroy(slot);
    }
    this.#waiting.serve(this.#tryLease);
    if (this.#leased.size === 0) this.#onReturned?.();
  }

  #isAlive(instance: T): boolean {
    return this.#options.isAlive?.(instance) ?? true;
  }

  #evictIdle(slot: Slot<T>): void {
    this.#counts.evicted += 1;
    this.#destroy(slot);
  }

  #destroy({ key, instance }: Slot<T>): void {
    if (instance === undefined) return;
    const isGone = this.#options.countsUntilDestroyed !== true;
    if (isGone) this.#own(key, -1);
    const destroyed: Promise<void> = (async () => this.#options.destroy(instance))()
      .catch((error: unknown) => this.#options.onError?.(error))
      .finally(() => {
        this.#destroying.delete(destroyed);
        if (isGone) return;
        this.#own(key, -1);
        this.#waiting.serve(this.#tryLease);
      });
    this.#destroying.add(destroyed);
  }

  #own(key: string, more: 1 | -1): void {
    const owner = this.#options.perOwner?.ownerOf(key);
    if (owner === undefined) return;
    const count = (this.#owned.get(owner) ?? 0) + more;
    if (count === 0) this.#owned.delete(owner);
    else this.#owned.set(owner, count);
  }

  async #drain(): Promise<void> {
    this.#waiting.refuseAll(closedError);
    for (const slot of this.#idle.takeMatching(() => true)) this.#destroy(slot);
    if (this.#leased.size > 0) await this.#untilReturned();
    for (const slot of this.#leased) this.#destroy(slot);
    this.#leased.clear();
    await Promise.all(this.#destroying);
  }

  #untilReturned(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#options.drainTimeoutMs ?? 10_000).unref();
      this.#onReturned = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
