import type { Admission, Outcome } from '../core/admission.ts';
import { isRefusal, refuse } from '../core/refusal.ts';
import { hasSucceeded, outcomeOf, sendAnswer, toClosedError, toUniformError } from './answer-outcome.ts';
import { isChange, RESOURCE_UPDATED } from './changes.ts';
import type { Verdict } from './exchange.ts';
import { GuardedSide } from './guarded-side.ts';
import { isVisibleResource, toPrivateView, type Viewer } from './list-filter.ts';
import { asRecord } from './message-facts.ts';
import type { ProgressMonitor, ProgressStream } from './progress.ts';
import { toRefusalMessage } from './refusal-message.ts';
import { relateQuestion } from './related-question.ts';
import { createRunTimes } from './run-times.ts';
import {
  isNotification,
  isRequest,
  isResponse,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type TransportLike,
} from './server-product.ts';

export interface GuardTransportOptions {
  /** Whose connection it is. */
  readonly viewer: Viewer;
  readonly progress: ProgressMonitor;
  readonly userIdOf: (admission: Admission) => string;
  /** The admission that came with the message, or the guard itself where none can (stdio). */
  readonly verdict: (request: JsonRpcRequest, extra: unknown) => Verdict | Promise<Verdict>;
  /** Narrows an admitted request to what of it is allowed. */
  readonly rewrite?: ((request: JsonRpcRequest) => Promise<JsonRpcRequest>) | undefined;
  /** Whether whoever passes the answer on holds it back until its record is written. */
  readonly isAnswerHeld?: boolean | undefined;
  /** Whether each request of the client has a stream, on which its client sees what belongs to it. */
  readonly hasStreamPerRequest?: boolean | undefined;
  /** Least time between the last progress of a call and its result. */
  readonly resultGapMs?: number | undefined;
  /** Longest that one request may run, not counting while its client is asked. */
  readonly timeoutMs?: number | undefined;
  /** Told of what should not happen; what it concerns is refused. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Change notifications of the server, for subscribers elsewhere. */
  readonly onChange?: ((notification: JsonRpcNotification) => void) | undefined;
}

interface Pending {
  readonly request: JsonRpcRequest;
  readonly admission: Admission;
  readonly progress: ProgressStream | undefined;
  lastProgress: Promise<void> | undefined;
}

const UNFILTERED = refuse('INTERNAL_ERROR', 'Internal error');
const UNRECORDED = refuse('INTERNAL_ERROR', 'The request was served, but could not be recorded');

/**
 * Stands between a server and its transport, whichever these are. Inward it lets pass only what the
 * guard admitted; outward it shows lists and updates as this principal may see them, counts progress, and
 * ends each admission with its outcome.
 */
export function guardTransport(inner: TransportLike, options: GuardTransportOptions): TransportLike {
  const pending = new Map<string | number, Pending>();
  const times = options.timeoutMs === undefined ? undefined : createRunTimes(options.timeoutMs);
  // Set while a verdict is awaited: messages must not overtake each other.
  let queue: Promise<void> | undefined;
  let isClosed = false;
  let isDelivering = false;

  const outer = new GuardedSide(inner, { start, send, close });
  return outer;

  async function start(): Promise<void> {
    inner.onmessage = receive;
    inner.onclose = () => {
      isClosed = true;
      for (const id of [...pending.keys()]) abort(id);
      try {
        outer.onclose?.();
      } catch (error) {
        // Servers hear of their end here; what they throw must not end more than that.
        report(error, true);
      }
    };
    inner.onerror = (error) => outer.onerror?.(error);
    await inner.start();
  }

  async function send(message: JsonRpcMessage, given: unknown): Promise<void> {
    const sendOptions =
      options.hasStreamPerRequest === true ? relateQuestion(message, given, pending.keys()) : given;
    times?.sent(message, sendOptions);
    if (isResponse(message)) return answer(message, sendOptions);
    if (isNotification(message)) return notify(message, sendOptions);
    return inner.send(message, sendOptions);
  }

  async function close(): Promise<void> {
    // Only the server closes this side: what it still owes an answer would otherwise wait for ever.
    for (const { request } of [...pending.values()])
      await answer(toClosedError(request), { relatedRequestId: request.id });
    await inner.close();
  }

  function receive(message: JsonRpcMessage, extra?: unknown): void {
    if (queue !== undefined) {
      enqueue(queue, () => accept(message, extra));
      return;
    }
    const waiting = accept(message, extra);
    if (waiting !== undefined) enqueue(Promise.resolve(), () => waiting);
  }

  function enqueue(after: Promise<void>, run: () => Promise<void> | undefined): void {
    const mine = after.then(run).catch(report);
    queue = mine;
    void mine.then(() => {
      if (queue === mine) queue = undefined;
    });
  }

  function accept(message: JsonRpcMessage, extra: unknown): Promise<void> | undefined {
    if (!isRequest(message)) {
      // Neither request, notification nor response: nothing that an SDK may still take for a request passes.
      if (!isNotification(message) && !isResponse(message)) return undefined;
      if (isResponse(message)) times?.answered(message.id);
      outer.onmessage?.(message, extra);
      if (isNotification(message) && message.method === 'notifications/cancelled') cancelled(message);
      return undefined;
    }
    const verdict = options.verdict(message, extra);
    if (verdict instanceof Promise) return verdict.then((resolved) => dispatch(message, extra, resolved));
    return dispatch(message, extra, verdict);
  }

  function dispatch(request: JsonRpcRequest, extra: unknown, verdict: Verdict): Promise<void> | undefined {
    if (isRefusal(verdict))
      return inner.send(toRefusalMessage(verdict, request), { relatedRequestId: request.id });
    // The connection may have ended while the guard was being asked.
    if (isClosed) return Promise.resolve(verdict.settle({ ok: false, error: 'not_run' }));
    if (pending.has(request.id)) {
      Promise.resolve(verdict.settle({ ok: false, error: 'not_run' })).catch(report);
      const message = { code: -32600, message: 'This request id is in use' };
      return inner.send({ jsonrpc: '2.0', id: request.id, error: message }, { relatedRequestId: request.id });
    }
    pending.set(request.id, open(request, verdict));
    if (options.rewrite !== undefined) {
      return options.rewrite(request).then(
        (rewritten) => outer.onmessage?.(rewritten, extra),
        (error: unknown) => {
          report(error, true);
          const failure = { code: -32603, message: 'Internal error' };
          return answer({ jsonrpc: '2.0', id: request.id, error: failure }, { relatedRequestId: request.id });
        },
      );
    }
    isDelivering = true;
    try {
      outer.onmessage?.(request, extra);
    } finally {
      isDelivering = false;
    }
    return undefined;
  }

  function open(request: JsonRpcRequest, admission: Admission): Pending {
    const { progressToken } = admission.facts;
    const { principal } = admission.caller;
    // A subscription is meant to last; what ends it is its token.
    if (request.method !== 'subscriptions/listen') times?.begin(request.id, () => expire(request));
    return {
      request,
      admission,
      progress:
        progressToken === undefined
          ? undefined
          : options.progress.start(principal, options.userIdOf(admission), progressToken),
      lastProgress: undefined,
    };
  }

  function expire(request: JsonRpcRequest): void {
    if (!pending.has(request.id)) return;
    const params = { requestId: request.id, reason: 'timeout' };
    outer.onmessage?.({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
    const refusal = refuse('REQUEST_TIMEOUT', `The request took longer than ${options.timeoutMs} ms`);
    answer(toRefusalMessage(refusal, request), { relatedRequestId: request.id }).catch(report);
  }

  function report(error: unknown, isFault = false): void {
    outer.onerror?.(error instanceof Error ? error : new Error(String(error)));
    if (isFault) options.onError?.(error);
  }

  function cancelled(notification: JsonRpcNotification): void {
    const id = asRecord(notification.params)['requestId'];
    if ((typeof id !== 'string' && typeof id !== 'number') || !pending.has(id)) return;
    abort(id);
    // No answer follows, so nothing else would end the stream it was to come on.
    inner.closeSSEStream?.(id);
  }

  function abort(id: string | number): void {
    Promise.resolve(finish(id, { ok: false, error: 'aborted' })).catch(report);
  }

  /** Answers to what is no longer pending are dropped: the client has its answer, or wants none. */
  async function answer(message: JsonRpcResponse, sendOptions: unknown): Promise<void> {
    const entry = message.id === undefined || message.id === null ? undefined : pending.get(message.id);
    if (entry === undefined) {
      // A transport may report an unreadable message, which no request stands for.
      if (!('error' in message) || (message.id ?? null) !== null) return undefined;
      return inner.send(message, sendOptions);
    }
    const { request } = entry;
    // Waits only where it must: the SDK knows errors of its own, which have an HTTP status, by their coming at once.
    if (entry.lastProgress !== undefined) await entry.lastProgress;
    const shown =
      'error' in message ? toUniformError(message, entry) : await showResult(message.result, entry);
    // It may have been ended while its result was filtered.
    if (pending.get(request.id) !== entry) return undefined;
    const settled = finish(request.id, outcomeOf('error' in message ? message : shown));
    // What must be on record before it is answered and is not, is not answered as if it were. An answer that came
    // during the delivery is the protocol's own: its HTTP status is lost if it is not sent at once.
    const isAwaited = settled instanceof Promise && !(isDelivering && options.isAnswerHeld === true);
    if (isAwaited && !(await hasSucceeded(settled))) {
      return inner.send(toRefusalMessage(UNRECORDED, request), sendOptions);
    }
    return sendAnswer((answered) => inner.send(answered, sendOptions), { shown, request, report });
  }

  /** The result as this principal may see it. What cannot be filtered is not shown at all. */
  async function showResult(result: unknown, { request, admission }: Pending): Promise<JsonRpcResponse> {
    const { principal } = admission.caller;
    try {
      const view = await toPrivateView(request.method, result, { ...options.viewer, principal });
      // The same order of fields as in the gate's own answers, which must not be told apart.
      return { jsonrpc: '2.0', id: request.id, result: asRecord(view) };
    } catch (error) {
      report(error, true);
      return toRefusalMessage(UNFILTERED, request);
    }
  }

  function finish(id: string | number, outcome: Outcome): void | Promise<void> {
    const entry = pending.get(id);
    if (entry === undefined) return;
    pending.delete(id);
    times?.end(id);
    entry.progress?.end();
    return entry.admission.settle(outcome);
  }

  async function notify(notification: JsonRpcNotification, sendOptions: unknown): Promise<void> {
    if (isChange(notification.method)) options.onChange?.(notification);
    if (notification.method === RESOURCE_UPDATED) {
      const uri = asRecord(notification.params)['uri'];
      if (typeof uri !== 'string' || !(await isVisibleResource(uri, options.viewer))) return;
    }
    const sent = inner.send(notification, sendOptions);
    if (notification.method === 'notifications/progress')
      observeProgress(notification, pending.values(), { sent, gapMs: options.resultGapMs });
    await sent;
  }
}

function observeProgress(
  notification: JsonRpcNotification,
  pending: Iterable<Pending>,
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
