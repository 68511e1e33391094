import type { IncomingMessage } from 'node:http';
import type { Gate } from '../gate.ts';
import type { ConnectionInfo } from '../http/inbound-request.ts';
import { connectionInfo } from '../http/node-bridge.ts';

/** What of a Hono context the adapter needs. */
export interface HonoContext {
  readonly req: { readonly raw: Request; arrayBuffer(): Promise<ArrayBuffer> };
  readonly env: unknown;
}

export interface HonoOptions<Context extends HonoContext> {
  /**
   * Tells the client's address, as the `getConnInfo` of Hono's helper for the runtime does. On `@hono/node-server` it
   * is known without. Where it is not known, `limits.failures` does not apply, and `onError` of the gate hears of it.
   */
  readonly getConnInfo?: (context: Context) => { readonly remote: { readonly address?: string | undefined } };
}

export type HonoHandler<Context extends HonoContext> = (
  context: Context,
  next: () => Promise<void>,
) => Promise<Response | undefined>;

/**
 * Serves a gate from a Hono app: `app.use(toHono(gate))`. The gate answers the paths it serves something at,
 * everything else goes on to the app. A body that middleware has read already is taken from the context.
 *
 * @throws ConfigurationError for a gate that may be served over stdio only
 */
export function toHono<Context extends HonoContext = HonoContext>(
  gate: Gate,
  { getConnInfo }: HonoOptions<Context> = {},
): HonoHandler<Context> {
  void gate.handle;
  return async (context, next) => {
    const { req, env } = context;
    if (!gate.owns(new URL(req.raw.url).pathname)) {
      await next();
      return undefined;
    }
    const info =
      getConnInfo === undefined
        ? connectionOnNode(env)
        : { remoteAddress: getConnInfo(context).remote.address };
    return gate.fetch(req.raw.bodyUsed ? await withBody(req) : req.raw, info);
  };
}

/** The bindings of `@hono/node-server` hold Node's own request. */
function connectionOnNode(env: unknown): ConnectionInfo {
  const incoming: unknown =
    typeof env === 'object' && env !== null ? Reflect.get(env, 'incoming') : undefined;
  const isNode = typeof incoming === 'object' && incoming !== null && 'socket' in incoming;
  return isNode ? connectionInfo(incoming as IncomingMessage) : {};
}

async function withBody(req: HonoContext['req']): Promise<Request> {
  const { url, method, headers, signal } = req.raw;
  // What was read past the context is gone: the gate then has nothing to run.
  const body = await req.arrayBuffer().catch(() => new ArrayBuffer(0));
  return new Request(url, { method, headers, signal, body });
}
