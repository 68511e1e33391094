export interface LimitResult {
  readonly allowed: boolean;
  /** Calls left in the burst. */
  readonly remaining: number;
  /** Seconds until a refused call would be allowed, rounded up; 0 when allowed. */
  readonly retryAfterSeconds: number;
}

/** One limit over many keys. Bounded in memory whatever keys arrive. */
export interface RateLimiter {
  /** Takes `points` (default 1) if they are there; takes nothing when refused. */
  consume(key: string, points?: number): LimitResult | Promise<LimitResult>;
  /** Looks without taking. */
  peek(key: string): LimitResult | Promise<LimitResult>;
  close?(): Promise<void>;
}
