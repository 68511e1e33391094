import { hash, timingSafeEqual } from 'node:crypto';

const inspect = Symbol.for('nodejs.util.inspect.custom');

/**
 * A token, key or password that cannot leave by accident: it prints, serialises and inspects as
 * `[redacted]`, and compares in constant time. Only {@link Secret.reveal} gives the value back.
 */
export class Secret {
  readonly #value: string;
  #fingerprint: string | undefined;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it where the value is used, never to keep it. */
  reveal(): string {
    return this.#value;
  }

  /** Constant-time comparison; the digests make both sides equally long. */
  equals(other: Secret | string): boolean {
    const value = typeof other === 'string' ? other : other.reveal();
    return timingSafeEqual(digest(this.#value), digest(value));
  }

  /** SHA-256 in base64url: a key for caches and lists that must not hold the value. */
  fingerprint(): string {
    this.#fingerprint ??= hash('sha256', this.#value, 'base64url');
    return this.#fingerprint;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect](): string {
    return '[redacted]';
  }
}

function digest(value: string): Buffer {
  return hash('sha256', value, 'buffer');
}
