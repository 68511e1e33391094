/**
 * What keeps state between requests and nodes. Every method is one atomic operation; keys are built
 * by scoped stores, never by hand.
 */
export interface Store {
  get(key: string): Promise<StoredValue | undefined>;
  put(key: string, value: string, options?: { readonly ttlSeconds?: number }): Promise<void>;
  /** True when the key was free: the winner of a race. */
  addIfAbsent(key: string, value: string, options?: { readonly ttlSeconds?: number }): Promise<boolean>;
  /** Reads and deletes at once; of many callers one gets the value. */
  take(key: string): Promise<string | undefined>;
  /** True when `version` was current and the value was replaced. */
  compareAndSet(key: string, version: string, value: string): Promise<boolean>;
  increment(key: string, by: number, options?: { readonly ttlSeconds?: number }): Promise<number>;
  list(
    prefix: string,
    options?: { readonly limit?: number; readonly after?: string },
  ): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface StoredValue {
  readonly value: string;
  /** Opaque; for {@link Store.compareAndSet}. */
  readonly version: string;
}
