import { readFileSync } from 'node:fs';
import type { AuditEvent } from '../../src/audit/audit-sink.ts';
import type { Ledger } from './user.ts';

export interface Expected {
  readonly ledgers: readonly Ledger[];
  /** Requests that had neither answer nor refusal. */
  readonly unheard: readonly string[];
}

/** Whether the log ends with a whole line, and knows every call that was answered. Returns what is not so. */
export function checkAudit(path: string, { ledgers, unheard }: Expected): readonly string[] {
  const text = readFileSync(path, 'utf8');
  const events = readEvents(text);
  const calls = events.filter(({ type }) => type === 'call');
  // What is hidden is answered like what does not exist, and recorded as what it is.
  const judged = events.filter(({ type }) => type !== 'lifecycle');
  const recorded = new Set(judged.map(({ requestId }) => requestId));
  const counts = countCalls(judged);
  const missing = ledgers.flatMap(({ answered }) => [...answered].filter((id) => !recorded.has(id)));
  const fewer = ledgers.flatMap(({ answeredOf }) =>
    [...answeredOf].filter(([key, count]) => (counts.get(key) ?? 0) < count).map(([key]) => key),
  );
  const served = new Set(calls.map(({ requestId }) => requestId));
  const accepted = unheard.filter((id) => served.has(id));
  return [
    ...(text.endsWith('\n') ? [] : ['The audit log ends in the middle of a line']),
    ...(missing.length === 0 ? [] : [`The audit log lacks ${missing.length} calls, such as ${missing[0]}`]),
    ...(fewer.length === 0
      ? []
      : [`The audit log has fewer calls than were answered: ${fewer.slice(0, 5).join(', ')}`]),
    ...(accepted.length === 0 ? [] : [`${accepted.length} calls were accepted and never answered`]),
  ];
}

/** Whether whoever was served also heard of it: no call was accepted that came to nothing. */
export function checkAllHeard(path: string, { answeredOf, refusedOf }: Ledger): readonly string[] {
  const counts = countCalls(readEvents(readFileSync(path, 'utf8')).filter(isAccepted));
  return [...counts].flatMap(([key, count]) => {
    const heard = (answeredOf.get(key) ?? 0) + (refusedOf.get(key) ?? 0);
    return key.startsWith('last-') && count > heard
      ? [`${key}: ${count} calls accepted, ${heard} heard of`]
      : [];
  });
}

function isAccepted({ type, code }: AuditEvent): boolean {
  return type === 'call' && code !== 'not_run';
}

function countCalls(events: readonly AuditEvent[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { method, server, subject, target } of events) {
    if (method !== 'tools/call') continue;
    const key = `${subject} ${server} ${target}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function readEvents(text: string): readonly AuditEvent[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditEvent);
}
