/** One thing that happened at the gate. Flat, ready to serialise; never holds a secret. */
export interface AuditEvent {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly type: 'call' | 'refused' | 'lifecycle';
  readonly outcome: 'allow' | 'deny' | 'failure';
  /** Error code of core/errors.ts for refusals, otherwise absent. */
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
  readonly server?: string | undefined;
  readonly method?: string | undefined;
  /** Tool or prompt name, or resource URI without its query. */
  readonly target?: string | undefined;
  readonly issuer?: string | undefined;
  readonly subject?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly remoteAddress?: string | undefined;
  readonly transport?: string | undefined;
  readonly durationMs?: number | undefined;
}

/**
 * Where audit events go. `write` never throws and never blocks; back-pressure is reported by `isFull`. Sinks
 * redact what they write, but an event must not hold a secret in the first place.
 */
export interface AuditSink {
  /**
   * `before-answer`: an event must be durable before its caller is answered, so whoever writes one awaits
   * `flush` after it. `batched` (also when absent): events follow within moments.
   */
  readonly durability?: 'batched' | 'before-answer' | undefined;
  write(event: AuditEvent): void;
  /** True when an event written now would be lost: the guard then refuses calls (503). */
  isFull?(): boolean;
  /** Resolves once every event written before is kept; rejects when that failed and losing events was not chosen. */
  flush(): Promise<void>;
  /** Flushes and lets go of what the sink holds. Rejects when events were lost by it. */
  close(): Promise<void>;
}
