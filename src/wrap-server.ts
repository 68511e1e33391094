import { ConfigurationError } from './core/errors.ts';
import { type Gate, openGate } from './gate.ts';
import type { PoolStats } from './mcp/instance-pool.ts';
import { loadStdioSdk } from './mcp/sdk.ts';
import { allowsAnyOrigin, identityOf, resolveWrapConfig, type WrapServerConfig } from './wrap-options.ts';

/** A wrapped server: started, stopped, and started again if need be. */
export interface WrappedServer {
  /** @throws ConfigurationError when it runs already, TransportError when the address is taken. */
  start(): Promise<void>;
  /** Lets calls in flight finish, then closes the listener. Safe to call twice, and while it starts. */
  stop(): Promise<void>;
  isServerRunning(): boolean;
  /** Undefined unless `instanceMode` is `pooled` and the server runs. */
  getPoolStats(): PoolStats | undefined;
  /** Where it listens; undefined over stdio and while it does not run. */
  readonly url: string | undefined;
}

interface Running {
  readonly gate: Gate;
  readonly url: string | undefined;
}

/**
 * Puts an existing MCP server, SDK v1 or v2, behind authentication and per-user upstream tokens
 * without a change to it.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) listing every problem at once
 */
export function wrapServer(config: WrapServerConfig): WrappedServer {
  const options = resolveWrapConfig(config);
  let running: Running | undefined;
  // Starts and stops take their turns: what a start has opened, the stop after it closes.
  let turn: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined);
    return mine;
  };

  return {
    start: () =>
      inTurn(async () => {
        if (running !== undefined)
          throw new ConfigurationError('The server is running already; stop it first');
        running = await open(config, options);
      }),
    stop: () =>
      inTurn(async () => {
        const stopping = running;
        running = undefined;
        await stopping?.gate.close();
      }),
    isServerRunning: () => running !== undefined,
    getPoolStats: () => Object.values(running?.gate.poolStats() ?? {})[0],
    get url() {
      return running?.url;
    },
  };
}

async function open(
  config: WrapServerConfig,
  options: ReturnType<typeof resolveWrapConfig>,
): Promise<Running> {
  const { middleware, onError, transport } = config;
  const gate = await openGate(options, {
    // Its requests over HTTP come over HTTP all the same.
    transport: transport.type === 'websocket' ? 'http' : transport.type,
    extraQuery: 'all',
    corsHeaders: transport.corsAllowedHeaders ?? [],
    anyOrigin: allowsAnyOrigin(transport),
    tracing: middleware?.enableTracing === true,
    infoFor: () => infoOf(config),
    ...(onError !== undefined && { onError }),
  });
  try {
    if (transport.type !== 'stdio') {
      const { url } = await gate.listen();
      return { gate, url: transport.type === 'websocket' ? toSocketUrl(url) : url };
    }
    await gate.connect(new (await loadStdioSdk()).StdioServerTransport());
    return { gate, url: undefined };
  } catch (error) {
    await gate.close();
    throw error;
  }
}

function toSocketUrl(url: string): string {
  return `${url.replace(/^http/, 'ws').replace(/\/$/, '')}/ws`;
}

function infoOf(config: WrapServerConfig): Readonly<Record<string, unknown>> {
  const { basePath, name, resourceType, sessionMode, version } = identityOf(config);
  const base = basePath === '/' ? '' : basePath;
  return {
    name,
    version,
    resourceType,
    sessionMode,
    endpoints: {
      message: `${base}/message`,
      health: `${base}/health`,
      ...(config.transport.type === 'websocket' && { websocket: `${base}/ws` }),
    },
    documentation: 'https://modelcontextprotocol.io/specification',
  };
}
