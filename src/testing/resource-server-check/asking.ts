import { TransportError } from '../../core/errors.ts';
import { type Challenge, type ParsedChallenges, parseChallenges } from './challenge.ts';
import type { Exchange, HeaderList, RawRequest, RawResponse } from './exchange.ts';
import { createNodeExchange, findHeader, headerValues } from './exchange.ts';
import { createFetchExchange } from './fetch-exchange.ts';
import { createLedger, type Ledger } from './ledger.ts';
import {
  type LegacySession,
  type RpcCall,
  type RpcMessage,
  readMessages,
  toBody,
  toHeaders,
} from './messages.ts';
import type { ResolvedOptions } from './options.ts';
import type { Era } from './report.ts';

/** One HTTP request to the server under test; everything has the default of an honest client. */
export interface Ask {
  readonly era: Era;
  /** The JSON-RPC message; its id is filled in unless it is a notification. */
  readonly call: RpcCall & { readonly isNotification?: boolean };
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string | undefined;
  readonly session?: LegacySession | undefined;
  /** Take the place of the generated headers of the same names; repetitions are kept. */
  readonly headers?: HeaderList;
  /** Lower-case names of generated headers to leave out. */
  readonly without?: readonly string[];
  /** Takes the place of the JSON-RPC message. */
  readonly body?: string | Uint8Array;
  readonly path?: string;
  readonly timeoutMs?: number;
  /** Read a stream to its end, instead of to the answer in it. */
  readonly untilEnd?: boolean;
}

/** An HTTP request without a JSON-RPC message in it. */
export interface PlainAsk {
  readonly method: string;
  readonly path?: string;
  readonly token?: string | undefined;
  readonly headers?: HeaderList;
  readonly timeoutMs?: number;
  readonly isEnough?: (body: string) => boolean;
}

/** What came back: the response as it was, and the JSON-RPC messages in it. */
export interface Answer {
  readonly status: number;
  readonly response: RawResponse;
  readonly messages: readonly RpcMessage[];
  /** The JSON-RPC answer to what was asked, or the first error that names no request. */
  readonly message: RpcMessage | undefined;
}

/** Asks the server and keeps the ledger. Both functions throw TransportError when no answer came. */
export interface Asking {
  readonly ledger: Ledger;
  /** Whether Host and repeated headers reach the server as given. */
  readonly raw: boolean;
  /** Path and query of the MCP endpoint. */
  readonly path: string;
  ask(ask: Ask): Promise<Answer>;
  plain(ask: PlainAsk): Promise<Answer>;
}

/** The server asked for fewer requests, so nothing could be concluded from its answer. */
export class LimitedError extends TransportError {
  constructor() {
    super('the server limits the requests (429)');
  }
}

const MAX_LIMIT_WAITS = 2;
const MAX_LIMIT_WAIT_SECONDS = 10;

/** Makes every token of the options known to the ledger before anything is sent. */
export function createAsking(options: ResolvedOptions): Asking {
  const { url, fetch, timeoutMs } = options;
  const exchange = fetch === undefined ? createNodeExchange(url) : createFetchExchange(url, fetch);
  const ledger = createLedger();
  for (const token of Object.values(options.tokens)) ledger.protect(token);
  for (const token of options.foreignAudienceTokens) ledger.protect(token);
  const path = url.pathname + url.search;
  let lastId = 0;
  return {
    ledger,
    raw: exchange.raw,
    path,
    ask: async (asked) => {
      lastId += 1;
      const id = asked.call.isNotification === true ? undefined : (asked.call.id ?? lastId);
      const request = toRequest({ path, timeoutMs, ...asked }, id);
      return toAnswer(await send({ exchange, ledger }, request, `${asked.call.method} (${asked.era})`), id);
    },
    plain: async (asked) => {
      const request: RawRequest = {
        method: asked.method,
        path: asked.path ?? path,
        headers: [...bearer(asked.token), ...(asked.headers ?? [])],
        timeoutMs: asked.timeoutMs ?? timeoutMs,
        ...(asked.isEnough === undefined ? {} : { isEnough: asked.isEnough }),
      };
      const label = `${asked.method} ${request.path.split('?')[0] ?? ''}`;
      return toAnswer(await send({ exchange, ledger }, request, label), undefined);
    },
  };
}

/** A limit is waited for, within reason: its answer says nothing about the credential. */
async function send(
  { exchange, ledger }: { readonly exchange: Exchange; readonly ledger: Ledger },
  request: RawRequest,
  label: string,
): Promise<RawResponse> {
  for (let waits = 0; ; waits += 1) {
    const response = await exchange.send(request);
    ledger.record(label, response);
    if (response.status !== 429) return response;
    const seconds = Number(findHeader(response.headers, 'retry-after') ?? '1');
    if (waits === MAX_LIMIT_WAITS || !(seconds <= MAX_LIMIT_WAIT_SECONDS)) throw new LimitedError();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

function toRequest(
  asked: Ask & { readonly path: string; readonly timeoutMs: number },
  id: number | undefined,
): RawRequest {
  const call: RpcCall = { ...asked.call, ...(id === undefined ? {} : { id }) };
  const replaced = new Set((asked.headers ?? []).map(([name]) => name.toLowerCase()));
  const generated = [...bearer(asked.token), ...toHeaders(asked.era, call, asked.session)].filter(
    ([name]) => !replaced.has(name.toLowerCase()) && asked.without?.includes(name.toLowerCase()) !== true,
  );
  return {
    method: 'POST',
    path: asked.path,
    headers: [...generated, ...(asked.headers ?? [])],
    body: asked.body ?? JSON.stringify(toBody(asked.era, call)),
    timeoutMs: asked.timeoutMs,
    // A stream may stay open after the answer; a body of one's own is answered in a way unforeseen.
    ...(asked.body === undefined && asked.untilEnd !== true && id !== undefined
      ? { isEnough: (body) => holdsAnswer(body, id) }
      : {}),
  };
}

function bearer(token: string | undefined): HeaderList {
  return token === undefined ? [] : [['Authorization', `Bearer ${token}`]];
}

function holdsAnswer(body: string, id: number): boolean {
  if (body.startsWith('{') || body.startsWith('[')) return false;
  const headers: HeaderList = [['content-type', 'text/event-stream']];
  return readMessages({ headers, body }).some(({ id: own, method }) =>
    method === undefined ? own === id : method === 'notifications/subscriptions/acknowledged',
  );
}

function toAnswer(response: RawResponse, id: number | undefined): Answer {
  const messages = readMessages(response);
  const message =
    messages.find((one) => one.id === id && one.method === undefined) ??
    messages.find((one) => one.error !== undefined);
  return { status: response.status, response, messages, message };
}

/** Whether the answer is a JSON-RPC result: the caller was let in. */
export function isResult(answer: Answer): boolean {
  return answer.status === 200 && answer.message?.result !== undefined;
}

/** The challenges of an answer, read strictly. */
export function challengesOf(answer: Answer): ParsedChallenges {
  return parseChallenges(headerValues(answer.response.headers, 'www-authenticate'));
}

/** The Bearer challenge of an answer, if its header could be read at all. */
export function findBearerChallenge(answer: Answer): Challenge | undefined {
  const parsed = challengesOf(answer);
  return parsed.ok ? parsed.challenges.find(({ scheme }) => scheme === 'bearer') : undefined;
}
