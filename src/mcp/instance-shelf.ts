/** An instance and the key it was created for. */
export interface Slot<T> {
  readonly key: string;
  readonly createdAt: number;
  instance: T | undefined;
  /** Not to be reused. */
  doomed: boolean;
}

export interface InstanceShelfOptions<T> {
  readonly idleTimeoutMs: number;
  readonly maxLifetimeMs: number;
  readonly now: () => number;
  /** Takes over a slot that lay here for too long or has become too old. */
  readonly onSpent: (slot: Slot<T>) => void;
}

/** Idle instances by key. One timer, and only while something lies here, ends what is spent. */
export interface InstanceShelf<T> {
  readonly size: number;
  add(slot: Slot<T>): void;
  /** The one of this key that was added last. */
  take(key: string): Slot<T> | undefined;
  takeLongestIdle(predicate: (key: string) => boolean): Slot<T> | undefined;
  takeMatching(predicate: (key: string) => boolean): readonly Slot<T>[];
}

const MAX_TIMER_MS = 2 ** 31 - 1;

export function createInstanceShelf<T>(options: InstanceShelfOptions<T>): InstanceShelf<T> {
  return new Shelf(options);
}

class Shelf<T> implements InstanceShelf<T> {
  readonly #options: InstanceShelfOptions<T>;
  /** When each slot is spent, the longest idle slot first. */
  readonly #spentAt = new Map<Slot<T>, number>();
  readonly #stacks = new Map<string, Slot<T>[]>();
  #timer: NodeJS.Timeout | undefined;
  #timerDueAt = Number.POSITIVE_INFINITY;

  constructor(options: InstanceShelfOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#spentAt.size;
  }

  add(slot: Slot<T>): void {
    const { idleTimeoutMs, maxLifetimeMs, now } = this.#options;
    const spentAt = Math.min(now() + idleTimeoutMs, slot.createdAt + maxLifetimeMs);
    this.#spentAt.set(slot, spentAt);
    const stack = this.#stacks.get(slot.key);
    if (stack === undefined) this.#stacks.set(slot.key, [slot]);
    else stack.push(slot);
    this.#schedule(spentAt);
  }

  take(key: string): Slot<T> | undefined {
    for (;;) {
      const slot = this.#stacks.get(key)?.at(-1);
      if (slot === undefined) return undefined;
      const isSpent = this.#isSpent(slot);
      this.#remove(slot);
      if (!isSpent) return slot;
      this.#options.onSpent(slot);
    }
  }

  takeLongestIdle(predicate: (key: string) => boolean): Slot<T> | undefined {
    for (const slot of this.#spentAt.keys()) {
      if (!predicate(slot.key)) continue;
      this.#remove(slot);
      return slot;
    }
    return undefined;
  }

  takeMatching(predicate: (key: string) => boolean): readonly Slot<T>[] {
    const slots = [...this.#spentAt.keys()].filter((slot) => predicate(slot.key));
    for (const slot of slots) this.#remove(slot);
    return slots;
  }

  #isSpent(slot: Slot<T>): boolean {
    return this.#options.now() >= (this.#spentAt.get(slot) ?? 0);
  }

  #remove(slot: Slot<T>): void {
    this.#spentAt.delete(slot);
    const stack = this.#stacks.get(slot.key) ?? [];
    stack.splice(stack.lastIndexOf(slot), 1);
    if (stack.length === 0) this.#stacks.delete(slot.key);
    if (this.#spentAt.size === 0) this.#unschedule();
  }

  #schedule(dueAt: number): void {
    if (dueAt >= this.#timerDueAt) return;
    clearTimeout(this.#timer);
    this.#timerDueAt = dueAt;
    const delayMs = Math.min(Math.max(0, dueAt - this.#options.now()), MAX_TIMER_MS);
    this.#timer = setTimeout(() => this.#sweep(), delayMs).unref();
  }

  #unschedule(): void {
    clearTimeout(this.#timer);
    this.#timerDueAt = Number.POSITIVE_INFINITY;
  }

  #sweep(): void {
    this.#unschedule();
    for (const slot of [...this.#spentAt.keys()]) {
      if (!this.#isSpent(slot)) continue;
      this.#remove(slot);
      this.#options.onSpent(slot);
    }
    for (const spentAt of this.#spentAt.values()) this.#schedule(spentAt);
  }
}
