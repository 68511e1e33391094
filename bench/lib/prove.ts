import type { Claim } from './arms.ts';
import type { Callers } from './callers.ts';
import {
  bodyOf,
  type Caller,
  type Endpoint,
  expectedOf,
  headersOf,
  messageIn,
  openSession,
  post,
} from './wire.ts';

/**
 * An arm counts only when it does the work: the tool's whole answer for a good token, and where it claims a guard, 401
 * for none and for a foreign one, and 403 for one that lacks the scope (and has no session yet).
 *
 * @throws Error telling what it did instead
 */
export async function proveEndpoint(endpoint: Endpoint, claim: Claim, callers: Callers): Promise<void> {
  const [token] = callers.tokens;
  const sessionId = endpoint.wire === '2025-session' ? await openSession(endpoint, { token }) : undefined;
  const good = await call(endpoint, { token, sessionId });
  const result = good.status === 200 ? messageIn(good) : undefined;
  if (result?.['id'] !== PROOF_ID || textOf(result) !== expectedOf(PROOF_ID)) {
    throw new Error(`with a good token: ${good.status} ${good.text.slice(0, 500)}`);
  }
  if (claim === 'none') return;
  await expectStatus(endpoint, { sessionId }, 401);
  await expectStatus(endpoint, { token: callers.foreign, sessionId }, 401);
  if (claim === 'guarded') await expectStatus(endpoint, { token: callers.unscoped }, 403);
}

const PROOF_ID = 987_654_321;

function call(endpoint: Endpoint, caller: Caller) {
  return post(endpoint, headersOf(endpoint, caller), bodyOf(endpoint.wire, PROOF_ID));
}

function textOf(message: Record<string, unknown>): unknown {
  const result = message['result'] as { content?: readonly { text?: unknown }[] } | undefined;
  return result?.content?.[0]?.text;
}

async function expectStatus(endpoint: Endpoint, caller: Caller, status: number): Promise<void> {
  const answer = await call(endpoint, caller);
  if (answer.status === status) return;
  throw new Error(`expected ${status}, got ${answer.status}: ${answer.text.slice(0, 500)}`);
}

/** The same for the guard by itself. @throws Error */
export async function proveInProcess(
  ask: (authorization: string) => Promise<unknown>,
  callers: Callers,
): Promise<void> {
  const cases: readonly (readonly [string, string])[] = [
    [`Bearer ${callers.tokens[0] ?? ''}`, 'OK'],
    [`Bearer ${callers.foreign}`, 'INVALID_TOKEN'],
    [`Bearer ${callers.unscoped}`, 'INSUFFICIENT_SCOPE'],
  ];
  for (const [authorization, expected] of cases) {
    const code = await ask(authorization);
    if (code !== expected) throw new Error(`expected ${expected}, got ${String(code)}`);
  }
}
