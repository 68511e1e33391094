import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import type { LocalIssuer, TokenInit } from '../../src/testing/local-issuer.ts';
import { type Era, headersOf, type Json, messageOf } from '../support/wire.ts';
import { send } from './http.ts';
import { inTime, type Outcome, outcomeOfHttp, parse, Violation } from './outcome.ts';
import type { GateProcess } from './world.ts';

export interface Token {
  readonly text: string;
  readonly expiresAtMs: number;
}

/** A call over HTTP. */
export interface Calling {
  readonly server: string;
  readonly tool: string;
  readonly args?: Readonly<Record<string, unknown>>;
  /** Default the newer one. */
  readonly era?: Era;
  readonly sessionId?: string;
  readonly token?: Token;
  /** Beside name and arguments. */
  readonly params?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
  readonly onMessage?: (message: Json) => void;
  readonly pauseMs?: number;
  /** A connection of its own, which nobody closes for being idle. */
  readonly isAlone?: boolean;
  /** Stands in the arguments and in the answer. Who returns to a call that waits says the same as the first time. */
  readonly nonce?: string;
  /** By which the audit log knows it. */
  readonly requestId?: string;
  /** Refusals that are right here, beside those that are right everywhere. */
  readonly allow?: readonly string[];
}

/** What a gate may say to anybody who calls at a bad moment. */
const ANYWHERE: ReadonlySet<string> = new Set([
  'RATE_LIMIT_EXCEEDED',
  'SERVER_POOL_ERROR',
  'SERVER_UNAVAILABLE',
  'TRANSPORT_ERROR',
]);

/** What happened in a run, for its report and for the check of the audit log. */
export interface Ledger {
  count(what: string): void;
  /** A call over HTTP that had an answer: by request id. */
  readonly answered: Set<string>;
  /** Calls on any way that had an answer: by user, server and tool. */
  readonly answeredOf: Map<string, number>;
  /** Those that were refused, or cut off with a code that says why, likewise. */
  readonly refusedOf: Map<string, number>;
  /** By outcome. */
  readonly counts: ReadonlyMap<string, number>;
}

export function createLedger(): Ledger {
  const counts = new Map<string, number>();
  return {
    counts,
    answered: new Set(),
    answeredOf: new Map(),
    refusedOf: new Map(),
    count: (what) => void counts.set(what, (counts.get(what) ?? 0) + 1),
  };
}

export interface UserOptions {
  readonly name: string;
  readonly issuer: LocalIssuer;
  readonly gate: GateProcess;
  readonly ledger: Ledger;
  readonly roll: (sides: number) => number;
}

/** Somebody with tokens of their own, whose every answer is checked to be theirs. */
export class User {
  readonly name: string;
  readonly gate: GateProcess;
  readonly ledger: Ledger;
  readonly roll: (sides: number) => number;
  /** Has not come back to a question: the call waits, and its server with it, until this user is revoked. */
  leavesQuestion = false;
  readonly #issuer: LocalIssuer;
  readonly #tokens = new Map<string, Token>();
  #agent = new Agent({ keepAlive: true, maxSockets: 16 });

  constructor({ name, issuer, gate, ledger, roll }: UserOptions) {
    this.name = name;
    this.gate = gate;
    this.ledger = ledger;
    this.roll = roll;
    this.#issuer = issuer;
  }

  /** One that is good for a second at least, and seldom for more than ten. */
  async token(server: string): Promise<Token> {
    const known = this.#tokens.get(server);
    if (known !== undefined && known.expiresAtMs - Date.now() > 1000) return known;
    const made = await this.makeToken(server, { expiresInSeconds: 4 + this.roll(12) });
    this.#tokens.set(server, made);
    return made;
  }

  async makeToken(server: string, init: Partial<TokenInit>): Promise<Token> {
    const subject = this.name;
    const text = await this.#issuer.token({ subject, audience: this.gate.url(server), ...init });
    const payload = parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString());
    return { text, expiresAtMs: Number(payload?.['exp']) * 1000 };
  }

  /** Calls a tool, and checks that what comes back is an answer to this call of this user, or a refusal in order. */
  async call(calling: Calling): Promise<Outcome> {
    const { server, tool, era = '2026-07-28', signal } = calling;
    const { nonce = randomUUID(), requestId = randomUUID() } = calling;
    const id = `call-${requestId}`;
    const token = calling.token ?? (await this.token(server));
    const call = {
      era,
      id,
      token: token.text,
      method: 'tools/call',
      params: { name: tool, arguments: { ...calling.args, nonce }, ...calling.params },
      capabilities: { elicitation: { form: {} } },
    };
    const headers = [...headersOf(call), ['x-request-id', requestId] as const];
    if (calling.sessionId !== undefined) headers.push(['mcp-session-id', calling.sessionId]);
    const what = `${this.name}: ${tool} of ${server}, ${era}${calling.sessionId === undefined ? '' : ' in a session'}`;
    try {
      const heard = await inTime(
        send(this.gate.url(server), {
          headers,
          body: JSON.stringify(messageOf(call)),
          ...(calling.isAlone !== true && { agent: this.#agent }),
          signal,
          pauseMs: calling.pauseMs,
          ...(calling.onMessage && { onMessage: calling.onMessage }),
        }),
        what,
      );
      if (signal?.aborted === true) return this.#left();
      const outcome = outcomeOfHttp(heard, id);
      if (outcome.kind === 'result' || outcome.kind === 'error') this.ledger.answered.add(requestId);
      this.check(outcome, { ...calling, nonce, token });
      return outcome;
    } catch (error) {
      if (signal?.aborted === true) return this.#left();
      throw explain(error, what);
    }
  }

  /** @throws Violation for an outcome that is not in order */
  check(
    outcome: Outcome,
    {
      allow = [],
      nonce,
      server,
      token,
      tool,
      sessionId,
    }: Calling & { readonly nonce: string; readonly token: Token },
  ): void {
    const isCall = nonce !== '';
    if (isCall && (outcome.kind !== 'ended' || /^closed (?!1001|1006)\d/.test(outcome.why))) {
      const { answeredOf, refusedOf } = this.ledger;
      const counts = outcome.kind === 'result' || outcome.kind === 'error' ? answeredOf : refusedOf;
      const key = `${this.name} ${server} ${tool}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const isExpired = Date.now() >= token.expiresAtMs - 50;
    switch (outcome.kind) {
      case 'result':
        this.ledger.count(Object.is(outcome.result['isError'], true) ? 'failed tool' : 'result');
        return this.#checkOwner(outcome.result, { tool, nonce, mayFail: allow.includes('failure') });
      case 'refused': {
        this.ledger.count(outcome.code);
        const isRight =
          ANYWHERE.has(outcome.code) ||
          allow.includes(outcome.code) ||
          (outcome.code === 'INVALID_TOKEN' && isExpired) ||
          (outcome.code === 'NOT_FOUND' && sessionId !== undefined);
        if (!isRight) throw new Violation(`Refused with ${outcome.code}: ${outcome.message}`);
        return;
      }
      case 'error':
        this.ledger.count(
          `error ${outcome.rpcCode}: ${outcome.message.replaceAll(/[0-9a-f-]{36}/g, '…').slice(0, 60)}`,
        );
        if (!allow.includes('failure')) throw new Violation(`Error ${outcome.rpcCode}: ${outcome.message}`);
        return;
      case 'ended':
        this.ledger.count(outcome.why);
        if (outcome.why === 'closed 4401' && isExpired) return;
        if (!allow.includes(outcome.why)) throw new Violation(`The connection ended: ${outcome.why}`);
    }
  }

  #checkOwner(
    result: Json,
    { tool, nonce, mayFail }: { readonly tool: string; readonly nonce: string; readonly mayFail: boolean },
  ): void {
    if (result['resultType'] === ('input_required' as unknown)) return this.#checkQuestions(result);
    const content = result['content'] as unknown as readonly { readonly text: string }[] | undefined;
    if (Object.is(result['isError'], true)) {
      if (mayFail) return;
      throw new Violation(`The tool failed: ${content?.[0]?.text}`);
    }
    const said = parse(content?.[0]?.text ?? '');
    const expected = { tool, user: this.name, nonce };
    if (Object.entries(expected).every(([member, value]) => Object.is(said?.[member], value))) return;
    throw new Violation(`Not the answer to ${tool} of ${this.name}: ${JSON.stringify(result).slice(0, 300)}`);
  }

  #checkQuestions(result: Json): void {
    const text = JSON.stringify(result['inputRequests']);
    if (!text.includes(`Which colour, ${this.name}?`))
      throw new Violation(`Not a question of ${this.name}: ${text}`);
  }

  #left(): Outcome {
    this.ledger.count('left');
    return { kind: 'ended', why: 'left' };
  }

  /** Lets go of connections that are kept. */
  rest(): void {
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: true, maxSockets: 16 });
  }
}

export function explain(error: unknown, what: string): Error {
  const reason = error instanceof Error ? `${error.name} ${error.message}` : String(error);
  return error instanceof Violation || error instanceof Error
    ? new Violation(`${what}: ${reason}`, { cause: error })
    : new Violation(`${what}: ${reason}`);
}
