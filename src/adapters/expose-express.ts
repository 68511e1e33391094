import type { AuthProvider } from '../authn/auth-provider.ts';
import { ConfigurationError } from '../core/errors.ts';
import { ANONYMOUS } from '../core/principal.ts';
import { createCompatEndpoints } from '../express/compat.ts';
import { createDispatcher } from '../express/dispatch.ts';
import type { ExpressApp } from '../express/inner-request.ts';
import { createRouteServers } from '../express/route-server.ts';
import { findRouteTools, type RouteTool, type RouteToolsOptions } from '../express/route-tools.ts';
import { createGate, type Gate } from '../gate.ts';
import type { InboundRequest } from '../http/inbound-request.ts';
import { pathOf } from '../http/node-bridge.ts';
import { loadServerSdk } from '../mcp/sdk.ts';
import { createExpressHandler, type ExpressHandler, toExpress } from './express-handler.ts';

type GateOptions = Parameters<typeof createGate>[0];

/** Which routes of an app become tools, and who may call them. */
export interface ExposeExpressOptions extends Omit<RouteToolsOptions, 'mountPath'> {
  /** The app's URL as its clients know it, without a path: the tools are at `{publicUrl}{mountPath}`. */
  readonly publicUrl: string;
  /** Default `/mcp`. */
  readonly mountPath?: string | undefined;
  /** The server's name, in rules, limits and the audit log. Default `api`. */
  readonly name?: string | undefined;
  /**
   * Who decides whether a caller may call. With `app`, which is the default where `auth` is not given, it is the app's
   * own middleware: nobody is refused before it, and rate limits take everybody for the same caller. With `required`,
   * it is `auth` first, and the app's middleware after that.
   */
  readonly access?: 'app' | 'required' | undefined;
  readonly auth?: GateOptions['auth'] | undefined;
  /** Header fields of a caller that the app gets to see, beside `authorization`. */
  readonly forwardHeaders?: readonly string[] | undefined;
  /** How long the app may take over an answer. Default 30000. */
  readonly timeoutMs?: number | undefined;
  /** How large an answer may be. Default 1 MB. */
  readonly maxAnswerBytes?: number | undefined;
  readonly limits?: GateOptions['limits'] | undefined;
  readonly audit?: GateOptions['audit'] | undefined;
  readonly onError?: GateOptions['onError'] | undefined;
}

/** An app whose routes are tools. */
export interface ExposedExpress {
  readonly tools: readonly RouteTool[];
  /** Serves the tools; the app takes it after its own routes: `app.use(exposed.handler)`. */
  readonly handler: ExpressHandler;
  readonly gate: Gate;
  close(): Promise<void>;
}

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1_000_000;
const BODY = { maxBytes: 1_000_000, maxDepth: 64, timeoutMs: 30_000 };

/**
 * Turns the routes of an Express 4 or 5 app into tools of MCP. A call goes through all of the app's middleware, inside this
 * process, with the caller's own `Authorization`. Beside MCP, `GET {mountPath}/tools` and `POST {mountPath}/invoke` serve
 * clients that speak plain HTTP.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) listing every problem at once
 */
export async function exposeExpress(app: ExpressApp, options: ExposeExpressOptions): Promise<ExposedExpress> {
  const { mountPath = '/mcp', name = 'api', timeoutMs = TIMEOUT_MS } = options;
  const tools = findRouteTools(app, { ...toRouteOptions(options), mountPath });
  const forwardHeaders = [
    'authorization',
    ...(options.forwardHeaders ?? []).map((field) => field.toLowerCase()),
  ];
  const factory = createRouteServers({
    sdk: await loadServerSdk(),
    name,
    tools,
    dispatcher: createDispatcher(app, { timeoutMs }),
    publicUrl: new URL(options.publicUrl),
    forwardHeaders,
    maxAnswerBytes: options.maxAnswerBytes ?? MAX_ANSWER_BYTES,
  });
  const gate = await createGate({
    publicUrl: options.publicUrl,
    listen: { path: mountPath },
    servers: { [name]: { factory } },
    ...toGuardOptions(options, name, tools),
  });
  const compat = createCompatEndpoints({
    tools,
    url: new URL(mountPath, options.publicUrl).href,
    forwardHeaders,
    fetch: (request, info) => gate.fetch(request, info),
    body: BODY,
  });
  return { tools, gate, handler: createHandler(gate, mountPath, compat), close: () => gate.close() };
}

function toRouteOptions({ exclude, include, openapi, routes }: ExposeExpressOptions): RouteToolsOptions {
  return { exclude, include, openapi, routes };
}

function toGuardOptions(
  { access, audit, auth, limits, onError }: ExposeExpressOptions,
  name: string,
  tools: readonly RouteTool[],
): Pick<GateOptions, 'auth' | 'authorization' | 'limits' | 'audit' | 'onError'> {
  const isApp = (access ?? (auth === undefined ? 'app' : 'required')) === 'app';
  if (!isApp && auth === undefined)
    throw new ConfigurationError("access 'required' needs auth: who is asking?");
  if (isApp && auth !== undefined) {
    throw new ConfigurationError(
      "With access 'app' nobody is asked: leave auth out, or open single routes by access",
    );
  }
  const rules = tools.flatMap(({ name: tool, options: { permissions, roles, scopes, access: own } }) => {
    const isOpen = (own ?? (isApp ? 'app' : 'required')) === 'app' && !(permissions || roles || scopes);
    const rule = { scopes, roles, permissions, access: isOpen ? ('public' as const) : ('required' as const) };
    return [[`${name}/${tool}`, rule] as const];
  });
  return {
    auth: auth ?? [APP_DECIDES],
    authorization: { tools: Object.fromEntries(rules) },
    ...(limits !== undefined && { limits }),
    ...(audit !== undefined && { audit }),
    ...(onError !== undefined && { onError }),
  };
}

/** Whatever a caller shows is for the app to judge: to the gate it is nobody's, whether the app knows it or not. */
const APP_DECIDES: AuthProvider = {
  authenticate: () => Promise.resolve({ authenticated: true, principal: ANONYMOUS }),
};

function createHandler(
  gate: Gate,
  mountPath: string,
  compat: ReturnType<typeof createCompatEndpoints>,
): ExpressHandler {
  const serveGate = toExpress(gate);
  const serveTools = createExpressHandler((request: InboundRequest) => compat.tools(request));
  const serveInvoke = createExpressHandler((request: InboundRequest) => compat.invoke(request));
  return (request, response, next) => {
    const path = pathOf(request.url);
    if (path === `${mountPath}/tools` && request.method === 'GET') serveTools(request, response);
    else if (path === `${mountPath}/invoke` && request.method === 'POST') serveInvoke(request, response);
    else serveGate(request, response, next);
  };
}
