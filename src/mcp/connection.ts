import type { Caller } from '../core/admission.ts';
import { AuthenticationError } from '../core/errors.ts';
import { isRefusal } from '../core/refusal.ts';
import { guardTransport } from './guard-transport.ts';
import { onlyAllowedUris } from './listen-streams.ts';
import { readFacts } from './message-facts.ts';
import { loadStdioSdk, type NativeServer } from './sdk.ts';
import type { JsonRpcRequest, TransportLike } from './server-product.ts';
import { followNames, type RuntimeOptions } from './serving.ts';

type StdioOptions = NonNullable<Parameters<Awaited<ReturnType<typeof loadStdioSdk>>['serveStdio']>[1]>;

// Clients drop progress that arrives in one chunk with the result of its call.
const RESULT_GAP_MS = 10;

/**
 * Serves one caller over a transport that lasts: the guard is asked for every message, and stands on
 * the wire itself, because the SDK answers some methods before any server instance sees them.
 */
export async function serveConnection(
  options: RuntimeOptions,
  caller: Caller,
  transport: TransportLike,
): Promise<{ close(): Promise<void> }> {
  const { serveStdio } = await loadStdioSdk();
  const { principal, context } = caller;
  const target = { server: options.server, kind: 'server', name: '' } as const;
  const opening = await options.guard.admit(caller, {
    method: 'connect',
    accesses: [{ action: 'protocol', target }],
    credential: 'optional',
  });
  if (isRefusal(opening)) throw new AuthenticationError(opening.message, { detail: opening.detail });
  await opening.settle({ ok: true });

  const wire = guardTransport(transport, {
    viewer: { principal, server: options.server, authorizer: options.authorizer },
    progress: options.progress,
    timeoutMs: options.timeoutMs,
    resultGapMs: RESULT_GAP_MS,
    userIdOf: () => options.userIdOf(principal),
    verdict: (request) => options.guard.admit(caller, readFacts(options.server, request)),
    rewrite: (request) => withAllowedUris(options, caller, request),
    onChange: ({ method }) => followNames(options, method, principal.key),
  });
  const open = () =>
    options.instances.open({
      upstreamToken: opening.upstreamToken,
      userId: options.userIdOf(principal),
      extras: { principal, requestId: context.requestId, query: {}, headers: {} },
    });
  // The structural types say less than the SDK's own: `Instances.open` gives native v2 servers only.
  return serveStdio(async () => (await open()) as NativeServer, {
    transport: wire as NonNullable<StdioOptions['transport']>,
    onerror: options.onError,
  });
}

async function withAllowedUris(
  options: RuntimeOptions,
  caller: Caller,
  request: JsonRpcRequest,
): Promise<JsonRpcRequest> {
  if (request.method !== 'subscriptions/listen') return request;
  return (await onlyAllowedUris(options, caller.principal, request)) as JsonRpcRequest;
}
