import type { Authorizer } from '../authz/authorizer.ts';
import type { Caller, Outcome } from '../core/admission.ts';
import { fingerprintOf } from '../core/credential.ts';
import type { Principal } from '../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts';
import type { Secret } from '../core/secret.ts';
import type { Guard } from '../guard.ts';
import { followStream } from '../http/followed-stream.ts';
import type { LiveStreams } from '../http/live-streams.ts';
import type { ToolDefinition } from './catalog.ts';
import type { EventHub } from './event-hub.ts';
import type { Exchange, ToolAuthInfo, Verdict } from './exchange.ts';
import { hasHeaderRules } from './header-rules.ts';
import type { Instances } from './instances.ts';
import type { ProgressMonitor } from './progress.ts';
import type { ProtocolSessions } from './protocol-sessions.ts';
import type { NativeServer, ServerSdk } from './sdk.ts';
import { isObject, isRequest, type JsonObject } from './server-product.ts';
import { boundUnread } from './unread-bound.ts';

export interface RuntimeOptions {
  readonly sdk: ServerSdk;
  readonly server: string;
  readonly guard: Guard;
  readonly authorizer: Authorizer;
  readonly instances: Instances;
  readonly sessions?: ProtocolSessions | undefined;
  readonly progress: ProgressMonitor;
  readonly hub: EventHub;
  readonly liveStreams: LiveStreams;
  readonly userIdOf: (principal: Principal) => string;
  readonly timeoutMs?: number | undefined;
  readonly maxSubscriptionsPerPrincipal: number;
  readonly toRefusalResponse: (refusal: Refusal) => Response;
  /** A tool that the guard has found for this caller. */
  readonly findTool: (caller: Caller, name: string) => ToolDefinition | undefined;
  /** The tools or prompts that a principal sees may have changed. */
  readonly onNamesChanged: (list: 'tools' | 'prompts', principalKey: string) => void;
  readonly onError: (error: unknown) => void;
}

/** One admitted HTTP request, ready for the SDK. */
export interface Serving {
  readonly request: Request;
  readonly exchange: Exchange;
  readonly authInfo: ToolAuthInfo;
  readonly parsedBody: unknown;
}

/** What every way of serving needs: a guarded server for an exchange. */
export interface GuardedServers {
  openNative(exchange: Exchange, era?: 'legacy' | 'modern'): Promise<NativeServer>;
  /** One that lasts as long as a protocol session. */
  openForSession(exchange: Exchange): Promise<NativeServer>;
}

/** Ends what is still open; admissions that a server answered are settled already and ignore this. */
export async function settleAll(
  verdicts: ReadonlyMap<string | number, Verdict>,
  outcome: Outcome,
): Promise<void> {
  // All of them end before anything is waited for: a record that fails must not keep the others open.
  const settling = [...verdicts.values()].map(async (verdict) =>
    isRefusal(verdict) ? undefined : verdict.settle(outcome),
  );
  await Promise.all(settling);
}

/** Forgets what was known of a principal's tools or prompts when its server says that they changed. */
export function followNames(
  { onNamesChanged }: Pick<RuntimeOptions, 'onNamesChanged'>,
  method: string,
  principalKey: string,
): void {
  if (method === 'notifications/tools/list_changed') onNamesChanged('tools', principalKey);
  if (method === 'notifications/prompts/list_changed') onNamesChanged('prompts', principalKey);
}

/** More streams than one principal may hold open. */
export function tooManyStreams(): Refusal {
  return refuse('RATE_LIMIT_EXCEEDED', 'Too many open streams for this principal', { retryAfterSeconds: 30 });
}

/** A stream of answers goes on when its token expires, as the call was admitted before; revocation ends it. */
export function endOnRevocation(
  response: Response,
  exchange: Exchange,
  { liveStreams }: RuntimeOptions,
): Response {
  const stream = followStream(boundUnread(response), () => forget());
  const forget = liveStreams.add({
    principalKey: exchange.caller.principal.key,
    credentialFingerprint: credentialFingerprint(exchange),
    close: () => stream.end(),
    isCall: true,
  });
  return stream.response;
}

/** What a revocation names: the fingerprint of the token or key that opened a stream. */
export function credentialFingerprint({ caller }: Exchange): string | undefined {
  const { credential } = caller.context;
  return credential && fingerprintOf(credential);
}

/** The input schema of the called tool, where that wants arguments repeated in headers (SEP-2243). */
export function findHeaderRules(
  { findTool }: Pick<RuntimeOptions, 'findTool'>,
  { caller, body }: Exchange,
): JsonObject | undefined {
  if (!isRequest(body) || body.method !== 'tools/call') return undefined;
  const name = body.params?.['name'];
  const schema = typeof name === 'string' ? findTool(caller, name)?.['inputSchema'] : undefined;
  return isObject(schema) && hasHeaderRules(schema) ? schema : undefined;
}

/** The upstream token that this exchange resolved, if any of its messages needed one. */
export function tokenOf(exchange: Exchange): Secret | undefined {
  for (const verdict of exchange.verdicts.values()) {
    if (!isRefusal(verdict) && verdict.facts.credential !== 'none') return verdict.upstreamToken;
  }
  return undefined;
}
