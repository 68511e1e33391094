import type { Admission, Outcome } from '../core/admission.ts';
import { isRefusal, refuse } from '../core/refusal.ts';
import { findAnswer, hasSucceeded, outcomeOf, toClosedError, toUniformError } from './answer-outcome.ts';
import { isChange, RESOURCE_UPDATED } from './changes.ts';
import type { Verdict } from './exchange.ts';
import type { GuardRules } from './guard-rules.ts';
import { isList, isVisibleResource, toPrivateList, toPrivateView, type Viewer } from './list-filter.ts';
import { asRecord } from './message-facts.ts';
import { observeProgress, type PendingRequest } from './pending-request.ts';
import { toRefusalMessage } from './refusal-message.ts';
import { relateQuestion } from './related-question.ts';
import { createRunTimes, type RunTimes } from './run-times.ts';
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

const UNFILTERED = refuse('INTERNAL_ERROR', 'Internal error');
const UNRECORDED = refuse('INTERNAL_ERROR', 'The request was served, but could not be recorded');

/**
 * Stands between a server and its transport, whichever these are. Inward it lets pass only what the
 * guard admitted; outward it shows lists and updates as this principal may see them, counts progress, and
 * ends each admission with its outcome.
 */
export class GuardTransport implements TransportLike {
  onmessage?: TransportLike['onmessage'];
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  declare readonly setScopeChallengeResolver?: NonNullable<TransportLike['setScopeChallengeResolver']>;
  readonly #inner: TransportLike;
  readonly #viewer: Viewer;
  readonly #rules: GuardRules;
  readonly #pending = new Map<string | number, PendingRequest>();
  readonly #times: RunTimes | undefined;
  /** Set while a verdict is awaited: messages must not overtake each other. */
  #queue: Promise<void> | undefined;
  #isClosed = false;
  #isDelivering = false;

  /** @param viewer Whose connection it is. */
  constructor(inner: TransportLike, viewer: Viewer, rules: GuardRules) {
    this.#inner = inner;
    this.#viewer = viewer;
    this.#rules = rules;
    this.#times = rules.timeoutMs === undefined ? undefined : createRunTimes(rules.timeoutMs);
    // The SDK looks for the method itself, so there must be none where the transport has none.
    if (inner.setScopeChallengeResolver !== undefined)
      this.setScopeChallengeResolver = (resolver) => inner.setScopeChallengeResolver?.(resolver);
  }

  get sessionId(): string | undefined {
    return this.#inner.sessionId;
  }

  get hasPerRequestStream(): boolean | undefined {
    return this.#inner.hasPerRequestStream;
  }

  setProtocolVersion(version: string): void {
    this.#inner.setProtocolVersion?.(version);
  }

  setSupportedProtocolVersions(versions: string[]): void {
    this.#inner.setSupportedProtocolVersions?.(versions);
  }

  start(): Promise<void> {
    const inner = this.#inner;
    inner.onmessage = (message, extra) => this.#receive(message, extra);
    inner.onclose = () => this.#closed();
    inner.onerror = (error) => this.onerror?.(error);
    return inner.start();
  }

  send(message: JsonRpcMessage, given?: unknown): Promise<void> {
    const sendOptions =
      this.#rules.hasStreamPerRequest === true ? relateQuestion(message, given, this.#pending.keys()) : given;
    this.#times?.sent(message, sendOptions);
    const answer = findAnswer(message);
    if (answer !== undefined) return this.#answer(answer, sendOptions);
    if (isNotification(message)) return this.#notify(message, sendOptions);
    return this.#inner.send(message, sendOptions);
  }

  async close(): Promise<void> {
    // Only the server closes this side: what it still owes an answer would otherwise wait for ever.
    for (const { request } of [...this.#pending.values()])
      await this.#answer(toClosedError(request), { relatedRequestId: request.id });
    await this.#inner.close();
  }

  #closed(): void {
    this.#isClosed = true;
    for (const id of [...this.#pending.keys()]) this.#abort(id);
    try {
      this.onclose?.();
    } catch (error) {
      // Servers hear of their end here; what they throw must not end more than that.
      this.#report(error, true);
    }
  }

  #receive(message: JsonRpcMessage, extra?: unknown): void {
    if (this.#queue !== undefined) {
      this.#enqueue(this.#queue, () => this.#accept(message, extra));
      return;
    }
    const waiting = this.#accept(message, extra);
    if (waiting !== undefined) this.#enqueue(Promise.resolve(), () => waiting);
  }

  #enqueue(after: Promise<void>, run: () => Promise<void> | undefined): void {
    const mine = after.then(run).catch((error: unknown) => this.#report(error));
    this.#queue = mine;
    void mine.then(() => {
      if (this.#queue === mine) this.#queue = undefined;
    });
  }

  #accept(message: JsonRpcMessage, extra: unknown): Promise<void> | undefined {
    if (!isRequest(message)) {
      // Neither request, notification nor response: nothing that an SDK may still take for a request passes.
      if (!isNotification(message) && !isResponse(message)) return undefined;
      if (isResponse(message)) this.#times?.answered(message.id);
      this.onmessage?.(message, extra);
      if (isNotification(message) && message.method === 'notifications/cancelled') this.#cancelled(message);
      return undefined;
    }
    const verdict = this.#rules.verdict(message, extra);
    if (verdict instanceof Promise)
      return verdict.then((resolved) => this.#dispatch(message, extra, resolved));
    return this.#dispatch(message, extra, verdict);
  }

  #dispatch(request: JsonRpcRequest, extra: unknown, verdict: Verdict): Promise<void> | undefined {
    if (isRefusal(verdict))
      return this.#inner.send(toRefusalMessage(verdict, request), { relatedRequestId: request.id });
    // The connection may have ended while the guard was being asked.
    if (this.#isClosed) return Promise.resolve(verdict.settle({ ok: false, error: 'not_run' }));
    if (this.#pending.has(request.id)) {
      this.#watch(verdict.settle({ ok: false, error: 'not_run' }));
      const message = { code: -32600, message: 'This request id is in use' };
      return this.#inner.send(
        { jsonrpc: '2.0', id: request.id, error: message },
        { relatedRequestId: request.id },
      );
    }
    this.#pending.set(request.id, this.#open(request, verdict));
    if (this.#rules.rewrite !== undefined) {
      return this.#rules.rewrite(request).then(
        (rewritten) => this.onmessage?.(rewritten, extra),
        (error: unknown) => {
          this.#report(error, true);
          const failure = { code: -32603, message: 'Internal error' };
          return this.#answer(
            { jsonrpc: '2.0', id: request.id, error: failure },
            { relatedRequestId: request.id },
          );
        },
      );
    }
    this.#isDelivering = true;
    try {
      this.onmessage?.(request, extra);
    } finally {
      this.#isDelivering = false;
    }
    return undefined;
  }

  #open(request: JsonRpcRequest, admission: Admission): PendingRequest {
    const { progressToken } = admission.facts;
    const { principal } = admission.caller;
    // A subscription is meant to last; what ends it is its token.
    if (request.method !== 'subscriptions/listen')
      this.#times?.begin(request.id, () => this.#expire(request));
    return {
      request,
      admission,
      progress:
        progressToken === undefined
          ? undefined
          : this.#rules.progress.start(principal, this.#rules.userIdOf(admission), progressToken),
      lastProgress: undefined,
    };
  }

  #expire(request: JsonRpcRequest): void {
    if (!this.#pending.has(request.id)) return;
    const params = { requestId: request.id, reason: 'timeout' };
    this.onmessage?.({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
    const refusal = refuse('REQUEST_TIMEOUT', `The request took longer than ${this.#rules.timeoutMs} ms`);
    this.#watch(this.#answer(toRefusalMessage(refusal, request), { relatedRequestId: request.id }));
  }

  /** Nobody waits for this work. */
  #watch(work: void | Promise<void>): void {
    if (work instanceof Promise) work.catch((error: unknown) => this.#report(error));
  }

  #report(error: unknown, isFault = false): void {
    this.onerror?.(error instanceof Error ? error : new Error(String(error)));
    if (isFault) this.#rules.onError?.(error);
  }

  #cancelled(notification: JsonRpcNotification): void {
    const id = asRecord(notification.params)['requestId'];
    if ((typeof id !== 'string' && typeof id !== 'number') || !this.#pending.has(id)) return;
    this.#abort(id);
    // No answer follows, so nothing else would end the stream it was to come on.
    this.#inner.closeSSEStream?.(id);
  }

  #abort(id: string | number): void {
    this.#watch(this.#finish(id, { ok: false, error: 'aborted' }));
  }

  /** Answers to what is no longer pending are dropped: the client has its answer, or wants none. */
  async #answer(message: JsonRpcResponse, sendOptions: unknown): Promise<void> {
    const entry = message.id === undefined || message.id === null ? undefined : this.#pending.get(message.id);
    if (entry === undefined) {
      // A transport may report an unreadable message, which no request stands for.
      if (!('error' in message) || (message.id ?? null) !== null) return undefined;
      return this.#inner.send(message, sendOptions);
    }
    const { request } = entry;
    // Waits only where it must: the SDK knows errors of its own, which have an HTTP status, by their coming at once.
    if (entry.lastProgress !== undefined) await entry.lastProgress;
    const showing =
      'error' in message ? toUniformError(message, entry) : this.#showResult(message.result, entry);
    const shown = showing instanceof Promise ? await showing : showing;
    // It may have been ended while its result was filtered.
    if (this.#pending.get(request.id) !== entry) return undefined;
    const settled = this.#finish(request.id, outcomeOf('error' in message ? message : shown));
    // What must be on record before it is answered and is not, is not answered as if it were. An answer that came
    // during the delivery is the protocol's own: its HTTP status is lost if it is not sent at once.
    const isAwaited =
      settled instanceof Promise && !(this.#isDelivering && this.#rules.isAnswerHeld === true);
    if (isAwaited && !(await hasSucceeded(settled))) {
      return this.#inner.send(toRefusalMessage(UNRECORDED, request), sendOptions);
    }
    return this.#sendAnswer(shown, request, sendOptions);
  }

  /** The result as this principal may see it. What cannot be filtered is not shown at all. */
  #showResult(
    result: unknown,
    { request, admission }: PendingRequest,
  ): JsonRpcResponse | Promise<JsonRpcResponse> {
    const { id, method } = request;
    if (!isList(method)) return { jsonrpc: '2.0', id, result: toPrivateView(asRecord(result)) };
    const { principal } = admission.caller;
    return toPrivateList(method, asRecord(result), { ...this.#viewer, principal }).then(
      // The same order of fields as in the gate's own answers, which must not be told apart.
      (view) => ({ jsonrpc: '2.0', id, result: view }),
      (error: unknown) => {
        this.#report(error, true);
        return toRefusalMessage(UNFILTERED, request);
      },
    );
  }

  /** What JSON cannot say (cycles, BigInt, too many levels) is an error, for there is a client that waits. */
  async #sendAnswer(shown: JsonRpcResponse, request: JsonRpcRequest, sendOptions: unknown): Promise<void> {
    try {
      await this.#inner.send(shown, sendOptions);
    } catch (error) {
      await this.#inner.send(toRefusalMessage(UNFILTERED, request), sendOptions);
      this.#report(error, true);
    }
  }

  #finish(id: string | number, outcome: Outcome): void | Promise<void> {
    const entry = this.#pending.get(id);
    if (entry === undefined) return;
    this.#pending.delete(id);
    this.#times?.end(id);
    entry.progress?.end();
    return entry.admission.settle(outcome);
  }

  async #notify(notification: JsonRpcNotification, sendOptions: unknown): Promise<void> {
    if (isChange(notification.method)) this.#rules.onChange?.(notification, this.#viewer);
    if (notification.method === RESOURCE_UPDATED) {
      const uri = asRecord(notification.params)['uri'];
      if (typeof uri !== 'string' || !(await isVisibleResource(uri, this.#viewer))) return;
    }
    const sent = this.#inner.send(notification, sendOptions);
    if (notification.method === 'notifications/progress')
      observeProgress(notification, this.#pending.values(), { sent, gapMs: this.#rules.resultGapMs });
    await sent;
  }
}
