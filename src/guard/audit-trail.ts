import type { AuditEvent, AuditSink } from '../audit/audit-sink.ts';
import type { Caller, MessageFacts, Outcome } from '../core/admission.ts';
import type { Clock } from '../core/clock.ts';
import type { Principal } from '../core/principal.ts';
import { type Refusal, refuse } from '../core/refusal.ts';
import type { RequestContext } from '../core/request-context.ts';
import type { Arrival, Step } from './passage.ts';

/** What surrounds every step: refusals and outcomes become audit events. */
export interface AuditTrail {
  /** Refuses while an event would be lost: what cannot be recorded does not run. */
  readonly checkCapacity: Step<unknown>;
  refusedArrival(arrival: Arrival, refusal: Refusal): void | Promise<void>;
  refusedMessage(record: RefusedMessage): void | Promise<void>;
  settled(record: SettledCall): void | Promise<void>;
}

export interface RefusedMessage {
  readonly caller: Caller;
  readonly facts: MessageFacts;
  readonly refusal: Refusal;
  readonly traceId?: string | undefined;
}

export interface SettledCall {
  readonly caller: Caller;
  readonly facts: MessageFacts;
  readonly outcome: Outcome;
  readonly startedAt: number;
  readonly traceId?: string | undefined;
}

export function createAuditTrail(sink: AuditSink, server: string, now: Clock): AuditTrail {
  const record = (event: AuditEvent): void | Promise<void> => {
    sink.write(event);
    if (sink.durability === 'before-answer') return sink.flush();
  };
  const timeOf = createTimeText(now);
  const base = (context: RequestContext, principal: Principal | undefined) => ({
    time: timeOf(),
    server,
    requestId: context.requestId,
    remoteAddress: context.remoteAddress,
    transport: context.transport,
    issuer: principal?.issuer,
    subject: principal?.subject,
    tenantId: principal?.tenantId,
    clientId: principal?.clientId,
  });
  const refused = (refusal: Refusal) => ({
    type: 'refused' as const,
    outcome: 'deny' as const,
    code: refusal.code,
    detail: refusal.detail,
  });

  return {
    checkCapacity: () =>
      sink.isFull?.() === true
        ? refuse('SHUTTING_DOWN', 'The audit log cannot take more events', {
            retryAfterSeconds: 5,
            detail: 'audit full',
          })
        : undefined,
    refusedArrival: (arrival, refusal) =>
      record({ ...base(arrival.context, arrival.principal), ...refused(refusal) }),
    refusedMessage: ({ caller, facts, refusal, traceId }) =>
      record({
        traceId,
        ...base(caller.context, caller.principal),
        ...refused(refusal),
        ...subjectOf(facts),
      }),
    settled: ({ caller, facts, outcome, startedAt, traceId }) =>
      record({
        type: 'call',
        outcome: outcome.ok ? 'allow' : 'failure',
        code: outcome.error === undefined ? undefined : String(outcome.error),
        durationMs: now() - startedAt,
        traceId,
        ...base(caller.context, caller.principal),
        ...subjectOf(facts),
      }),
  };
}

/** ISO 8601, written out once for all that happens in the same millisecond. */
function createTimeText(now: Clock): () => string {
  let lastMs: number | undefined;
  let text = '';
  return () => {
    const ms = now();
    if (ms !== lastMs) text = new Date(ms).toISOString();
    lastMs = ms;
    return text;
  };
}

function subjectOf(facts: MessageFacts): Pick<AuditEvent, 'method' | 'target'> {
  const name = facts.accesses.find((access) => access.target.kind !== 'server')?.target.name;
  return { method: facts.method, target: name };
}
