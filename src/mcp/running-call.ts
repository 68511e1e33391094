import { abortReason } from './abort-reason.ts';
import { askClient, canAnswer, type SendToClient, unsupported } from './client-questions.ts';
import type { InnerLink } from './inner-link.ts';
import type { HearNotification, LinkRequestOptions } from './link-contract.ts';
import { busy, RPC, RpcError } from './rpc-error.ts';
import type { JsonObject, JsonRpcNotification, JsonRpcRequest } from './server-product.ts';

/** An open request of a client, as part of which a call reaches it. */
export interface CallLeg {
  /** Ends when the client gives its request up. */
  readonly signal: AbortSignal;
  /** What the client declared that it can do; undefined where nothing tells. */
  readonly capabilities: object | undefined;
  readonly progressToken: string | number | undefined;
  /** Sends as part of the request. Must not reject. */
  readonly notify: (method: string, params: JsonObject) => Promise<void>;
  /** Asks the client while its request is open (2025 era). */
  readonly send?: SendToClient | undefined;
  /** Keeps the call for the client's return (2026 era); undefined when there is no room for it. */
  readonly park?: (() => string | undefined) | undefined;
}

/** How a call stood when its leg ended: over, or waiting for what the client is asked. */
export type LegEnd =
  | { readonly result: JsonObject }
  | { readonly requestState: string; readonly inputRequests: JsonObject };

/** A call on a link, which may outlast the request that began it when the server asks its client. */
export interface RunningCall {
  /** False once the server has answered, or the call was cancelled. */
  readonly isRunning: boolean;
  /** Whether a request of the client is open. */
  readonly isFollowed: boolean;
  /**
   * Lets the call go on for a request of its client, with answers by the keys of what was asked. Call it only when no
   * other request is open.
   *
   * @throws what the server answered as an RpcError, and the signal's reason when the client gives up.
   */
  follow(leg: CallLeg, answers?: JsonObject): Promise<LegEnd>;
  /** Puts a question of the server to the client. @throws RpcError -32601 when the client cannot be asked. */
  ask(request: JsonRpcRequest, signal: AbortSignal): Promise<JsonObject>;
  /** Sends a notification as part of the call; while nobody listens it is kept, within bounds. */
  readonly hear: HearNotification;
  /** Takes back what is asked and tells the server that the call is over. */
  cancel(error: Error): void;
  /** Called once, when the call is over; at once when it is over already. */
  onEnd(listener: (isCancelled: boolean) => void): void;
}

export interface CallRequest {
  readonly method: string;
  readonly params: JsonObject | undefined;
  readonly options: Pick<LinkRequestOptions, 'extra' | 'sessionId'>;
  /** Whether the client may be asked for input as the answer to this method. */
  readonly canPause: boolean;
  /** Longest that the client, often a person, may take over a question while its request is open. */
  readonly clientTimeoutMs: number;
}

/** A call that starts with its first leg and runs until the server answers or it is cancelled. */
export function createCall(link: Pick<InnerLink, 'request' | 'notify'>, request: CallRequest): RunningCall {
  return new Call(link, request);
}

interface Question {
  readonly request: JsonRpcRequest;
  readonly resolve: (answer: JsonObject) => void;
  readonly reject: (error: Error) => void;
}

interface OpenLeg {
  readonly leg: CallLeg;
  /** The last of what was passed to the client. */
  sent: Promise<void>;
  end(settle: () => void): void;
  readonly resolve: (end: LegEnd) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly result: JsonObject } | { readonly error: unknown };

// Progress of a server that goes on while its client is away; what is more than this, it never sees.
const MAX_BACKLOG = 256;
const MAX_BACKLOG_BYTES = 1_048_576;
// As many as anybody would answer in one round.
const MAX_QUESTIONS = 32;
/** Questions of one go that come over a pipe or a network do not all come at once. */
const GATHER_MS = 10;

class Call implements RunningCall {
  readonly #link: Pick<InnerLink, 'request' | 'notify'>;
  readonly #request: CallRequest;
  readonly #cancelled = new AbortController();
  readonly #questions = new Map<string, Question>();
  readonly #backlog: JsonRpcNotification[] = [];
  #backlogBytes = 0;
  #capabilities: object | undefined;
  #open: OpenLeg | undefined;
  #outcome: Outcome | undefined;
  #asked = 0;
  #isPausing = false;
  #isStarted = false;
  #onEnd: (() => void) | undefined;

  constructor(link: Pick<InnerLink, 'request' | 'notify'>, request: CallRequest) {
    this.#link = link;
    this.#request = request;
  }

  get isRunning(): boolean {
    return this.#outcome === undefined;
  }

  get isFollowed(): boolean {
    return this.#open !== undefined;
  }

  follow(leg: CallLeg, answers: JsonObject = {}): Promise<LegEnd> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.cancel(abortReason(leg.signal));
      const open: OpenLeg = {
        leg,
        sent: Promise.resolve(),
        resolve,
        reject,
        end: (settle) => {
          this.#open = undefined;
          leg.signal.removeEventListener('abort', onAbort);
          // What was sent before the end arrives before it, whatever the transport makes of it.
          void open.sent.then(settle);
        },
      };
      this.#open = open;
      this.#capabilities = leg.capabilities;
      this.#deliverBacklog(open);
      this.#answer(answers);
      if (this.#outcome !== undefined) this.#finish(this.#outcome);
      else if (leg.signal.aborted) onAbort();
      else leg.signal.addEventListener('abort', onAbort, { once: true });
      if (!this.#isStarted) this.#start(leg.progressToken !== undefined);
      this.#pauseSoon();
    });
  }

  readonly hear: HearNotification = (notification) => {
    const open = this.#open;
    if (open !== undefined) return this.#send(open, notification);
    const bytes = JSON.stringify(notification).length;
    if (this.#backlog.length >= MAX_BACKLOG || this.#backlogBytes + bytes > MAX_BACKLOG_BYTES)
      return undefined;
    this.#backlog.push(notification);
    this.#backlogBytes += bytes;
    return undefined;
  };

  ask(request: JsonRpcRequest, signal: AbortSignal): Promise<JsonObject> {
    const send = this.#open?.leg.send;
    const isPausable = this.#request.canPause && this.#open?.leg.park !== undefined;
    const isKept = this.#open === undefined && this.isRunning;
    if (!canAnswer(this.#capabilities, request) || (send === undefined && !isPausable && !isKept)) {
      return Promise.reject(unsupported(request));
    }
    if (send !== undefined) {
      const { clientTimeoutMs: timeoutMs } = this.#request;
      const given = AbortSignal.any([signal, this.#cancelled.signal]);
      return askClient(request, { send, signal: given, timeoutMs, link: this.#link });
    }
    if (this.#questions.size >= MAX_QUESTIONS) return Promise.reject(busy('too many questions at once'));
    return this.#keepQuestion(request, signal);
  }

  cancel(error: Error): void {
    if (this.#outcome !== undefined) return;
    this.#cancelled.abort(error);
    this.#end({ error });
  }

  onEnd(listener: (isCancelled: boolean) => void): void {
    this.#onEnd = () => listener(this.#cancelled.signal.aborted);
    if (this.#outcome !== undefined) this.#onEnd();
  }

  #start(hasProgress: boolean): void {
    this.#isStarted = true;
    const { method, params, options } = this.#request;
    this.#link
      .request(method, params, {
        ...options,
        signal: this.#cancelled.signal,
        onProgress: hasProgress
          ? (progress) => this.hear({ jsonrpc: '2.0', method: 'notifications/progress', params: progress })
          : undefined,
        onNotification: this.hear,
        onRequest: (question, signal) => this.ask(question, signal),
      })
      .then(
        (result) => this.#end({ result }),
        (error: unknown) => this.#end({ error }),
      );
  }

  #keepQuestion(request: JsonRpcRequest, signal: AbortSignal): Promise<JsonObject> {
    return new Promise((resolve, reject) => {
      this.#asked += 1;
      const key = `input-${this.#asked}`;
      this.#questions.set(key, { request, resolve, reject });
      signal.addEventListener(
        'abort',
        () => {
          this.#questions.delete(key);
          reject(new CallOver());
        },
        { once: true },
      );
      this.#pauseSoon();
    });
  }

  /** Not at once: what the server asks in one go, the client is asked in one go. */
  #pauseSoon(): void {
    if (this.#isPausing || this.#questions.size === 0) return;
    this.#isPausing = true;
    setTimeout(() => {
      this.#isPausing = false;
      this.#pause();
    }, GATHER_MS);
  }

  #pause(): void {
    const open = this.#open;
    if (open === undefined || this.#questions.size === 0 || this.#outcome !== undefined) return;
    const requestState = open.leg.park?.();
    if (requestState === undefined) {
      for (const { reject } of this.#questions.values()) reject(busy('no room for another waiting call'));
      this.#questions.clear();
      return;
    }
    const inputRequests = Object.fromEntries(
      [...this.#questions].map(([key, { request }]) => [key, toInputRequest(request)]),
    );
    open.end(() => open.resolve({ requestState, inputRequests }));
  }

  /** Answers to what is no longer asked are nobody's; what has no answer yet is asked again. */
  #answer(answers: JsonObject): void {
    for (const [key, { resolve }] of [...this.#questions]) {
      const answer = Object.hasOwn(answers, key) ? answers[key] : undefined;
      if (answer === undefined) continue;
      this.#questions.delete(key);
      resolve(answer as JsonObject);
    }
  }

  #deliverBacklog(open: OpenLeg): void {
    for (const notification of this.#backlog.splice(0)) void this.#send(open, notification);
    this.#backlogBytes = 0;
  }

  #send(open: OpenLeg, { method, params = {} }: JsonRpcNotification): Promise<void> {
    const { progressToken, notify } = open.leg;
    const isProgress = method === 'notifications/progress';
    if (isProgress && progressToken === undefined) return Promise.resolve();
    open.sent = open.sent.then(() => notify(method, isProgress ? { ...params, progressToken } : params));
    return open.sent;
  }

  #end(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    for (const { reject } of this.#questions.values()) reject(new CallOver());
    this.#questions.clear();
    this.#finish(outcome);
    this.#onEnd?.();
  }

  #finish(outcome: Outcome): void {
    const open = this.#open;
    open?.end(() => ('result' in outcome ? open.resolve(outcome) : open.reject(outcome.error)));
  }
}

function toInputRequest({ method, params }: JsonRpcRequest): JsonObject {
  if (params === undefined) return { method };
  const { _meta: meta, ...rest } = params;
  // Its token names progress that nobody could report while no request is open.
  const { progressToken: _token, ...kept } = (meta ?? {}) as JsonObject;
  const hasMeta = Object.keys(kept).length > 0;
  return { method, params: { ...rest, ...(hasMeta && { _meta: kept }) } };
}

/** The call with which a question was put to the client has ended before the answer came. */
export class CallOver extends RpcError {
  constructor() {
    super(RPC.connectionClosed, 'The client did not answer');
  }
}
