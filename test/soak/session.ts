import { headersOf, INITIALIZE, type Json } from '../support/wire.ts';
import { send } from './http.ts';
import { inTime, outcomeOfHttp, Violation } from './outcome.ts';
import { explain, type Token, type User } from './user.ts';

const ERA = '2025-11-25';

/** A session of the older era, as its client has it. */
export interface Session {
  readonly id: string;
  readonly token: Token;
  /** Answers what the server asks, as its user. */
  answer(question: Json): Promise<void>;
  /** Opens the stream of the session; returns how to leave it. */
  listen(): () => Promise<void>;
  /** Ends the session, as few clients do. */
  end(): Promise<void>;
}

/** Opens a session, or is refused in order. */
export async function openSession(user: User, server: string): Promise<Session | undefined> {
  const url = user.gate.url(server);
  const token = await user.token(server);
  const what = `${user.name}: a session of ${server}`;
  const headers = (more: readonly (readonly [string, string])[] = [], method = '') => [
    ...headersOf({ era: ERA, token: token.text, method }),
    ...more,
  ];
  const post = (message: object, more?: readonly (readonly [string, string])[]) =>
    inTime(send(url, { headers: headers(more), body: JSON.stringify({ jsonrpc: '2.0', ...message }) }), what);
  const params = { ...INITIALIZE, capabilities: { elicitation: { form: {} } } };
  try {
    const opened = await post({ id: 1, method: 'initialize', params });
    const outcome = outcomeOfHttp(opened, 1);
    if (outcome.kind !== 'result') {
      user.check(outcome, { server, tool: 'initialize', nonce: '', token });
      return undefined;
    }
    const id = String(opened.headers['mcp-session-id']);
    const own = [['mcp-session-id', id]] as const;
    const accepted = await post({ method: 'notifications/initialized' }, own);
    expectTold(accepted.status, what);
    return {
      id,
      token,
      async answer(question) {
        const { id: questionId, params: asked } = question;
        const message = String(asked?.['message']);
        if (message !== `Which colour, ${user.name}?`) throw new Violation(`${what} was asked ${message}`);
        const result = { action: 'accept', content: { colour: `colour of ${user.name}` } };
        expectTold((await post({ id: questionId, result }, own)).status, what);
      },
      listen() {
        const leave = new AbortController();
        const listening = send(url, { method: 'GET', headers: headers(own), signal: leave.signal }).catch(
          (error: unknown) => {
            if (!leave.signal.aborted) throw explain(error, what);
          },
        );
        return async () => {
          leave.abort();
          await inTime(listening, what);
        };
      },
      async end() {
        const { status } = await inTime(send(url, { method: 'DELETE', headers: headers(own) }), what);
        expectTold(status, what);
      },
    };
  } catch (error) {
    throw explain(error, what);
  }
}

/** Taken, or refused because the session, its token or its server is over, or because of limits. */
function expectTold(status: number, what: string): void {
  if (![200, 202, 401, 404, 429, 503].includes(status))
    throw new Violation(`${what}: answered with ${status}`);
}
