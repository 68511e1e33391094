import type { AuditEvent } from './audit-sink.ts';

/** Tells in the log itself that events are missing from it. */
export function lostEvents(count: number, nowMs: number): AuditEvent {
  return {
    time: new Date(nowMs).toISOString(),
    type: 'lifecycle',
    outcome: 'failure',
    detail: `${count} audit events were lost: they came faster than they could be written`,
  };
}
