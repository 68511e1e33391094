import type { AuditEvent } from './audit-sink.ts';
import { redactEvent } from './redact.ts';

/** An event as one line of JSON, redacted, without the line's end. Fields always come in the same order. */
export function toEventLine(event: AuditEvent): string {
  return JSON.stringify(redactEvent(event));
}
