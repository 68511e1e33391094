import { asRecord } from './message-facts.ts';
import type { JsonRpcId, JsonRpcMessage } from './server-product.ts';

/** How long requests run. It does not count while their server waits for what it has asked of the client. */
export interface RunTimes {
  begin(id: JsonRpcId, onExpire: () => void): void;
  end(id: JsonRpcId): void;
  /** Sees what goes to the client: a question is for one request, or for nobody can tell which. */
  sent(message: JsonRpcMessage, sendOptions: unknown): void;
  /** The client has answered, or the server asks no longer. */
  answered(questionId: unknown): void;
}

interface Run {
  readonly waitsFor: Set<unknown>;
  readonly onExpire: () => void;
  leftMs: number;
  startedAt: number;
  timer: NodeJS.Timeout | undefined;
}

// A server that never hears from its client must not run for ever.
const MAX_WAIT_MS = 600_000;
const QUESTIONS: ReadonlySet<string> = new Set([
  'elicitation/create',
  'sampling/createMessage',
  'roots/list',
]);

export function createRunTimes(timeoutMs: number, maxWaitMs: number = MAX_WAIT_MS): RunTimes {
  const runs = new Map<JsonRpcId, Run>();
  const questions = new Map<unknown, NodeJS.Timeout>();

  const start = (run: Run): void => {
    run.startedAt = performance.now();
    run.timer = setTimeout(run.onExpire, run.leftMs);
  };
  const stop = (run: Run): void => {
    if (run.timer === undefined) return;
    clearTimeout(run.timer);
    run.timer = undefined;
    run.leftMs = Math.max(0, run.leftMs - (performance.now() - run.startedAt));
  };
  const answered = (questionId: unknown): void => {
    const timer = questions.get(questionId);
    if (timer === undefined) return;
    clearTimeout(timer);
    questions.delete(questionId);
    for (const run of runs.values()) {
      if (run.waitsFor.delete(questionId) && run.waitsFor.size === 0) start(run);
    }
  };

  return {
    begin(id, onExpire) {
      const run: Run = { waitsFor: new Set(), onExpire, leftMs: timeoutMs, startedAt: 0, timer: undefined };
      runs.set(id, run);
      start(run);
    },
    end(id) {
      const run = runs.get(id);
      if (run === undefined) return;
      runs.delete(id);
      stop(run);
    },
    sent(message, sendOptions) {
      if (!('method' in message)) return;
      const { method, params } = message;
      if (method === 'notifications/cancelled') answered(asRecord(params)['requestId']);
      if (!QUESTIONS.has(method) || !('id' in message)) return;
      const { id } = message;
      questions.set(id, setTimeout(() => answered(id), maxWaitMs).unref());
      const related = asRecord(sendOptions)['relatedRequestId'];
      for (const run of related === undefined ? runs.values() : [runs.get(related as JsonRpcId)]) {
        if (run === undefined) continue;
        run.waitsFor.add(id);
        stop(run);
      }
    },
    answered,
  };
}
