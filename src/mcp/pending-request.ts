import type { Admission } from '../core/admission.ts';
import { asRecord } from './message-facts.ts';
import type { ProgressStream } from './progress.ts';
import type { JsonRpcNotification, JsonRpcRequest } from './server-product.ts';

/** A request that runs under its admission. */
export interface PendingRequest {
  readonly request: JsonRpcRequest;
  readonly admission: Admission;
  readonly progress: ProgressStream | undefined;
  lastProgress: Promise<void> | undefined;
}

/** Counts progress for the requests that it is of. */
export function observeProgress(
  notification: JsonRpcNotification,
  pending: Iterable<PendingRequest>,
  { sent, gapMs }: { readonly sent: Promise<void>; readonly gapMs: number | undefined },
): void {
  const token = asRecord(notification.params)['progressToken'];
  for (const entry of pending) {
    if (entry.admission.facts.progressToken !== token) continue;
    entry.progress?.message(JSON.stringify(notification).length);
    if (gapMs !== undefined) entry.lastProgress = afterGap(sent, gapMs);
  }
}

function afterGap(sent: Promise<void>, gapMs: number): Promise<void> {
  // A failed send is reported to its sender; here only the time counts.
  const settled = sent.catch(() => undefined);
  return settled.then(() => new Promise((resolve) => setTimeout(resolve, gapMs)));
}
