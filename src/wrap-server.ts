import { ConfigurationError } from './core/errors.ts';
import { type Gate, openGate } from './gate.ts';
import type { PoolStats } from './mcp/instance-pool.ts';
import { loadStdioSdk } from './mcp/sdk.ts';
import { allowsAnyOrigin, resolveWrapConfig, type WrapServerConfig } from './wrap-options.ts';

/** A wrapped server: started, stopped, and started again if need be. */
export interface WrappedServer {
  /** @throws ConfigurationError when it runs already, TransportError when the address is taken. */
  start(): Promise<void>;
  /** Lets calls in flight finish, then closes the listener. */
  stop(): Promise<void>;
  isServerRunning(): boolean;
  /** Undefined unless `instanceMode` is `pooled` and the server runs. */
  getPoolStats(): PoolStats | undefined;
  /** Where it listens; undefined over stdio and while it does not run. */
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
  const isStdio = config.transport.type === 'stdio';
  let gate: Gate | undefined;
  let starting = false;
  let url: string | undefined;

  return {
    async start() {
      if (gate !== undefined || starting) throw new ConfigurationError('The server is running already; stop it first');
      starting = true;
      try {
        const opened = await openGate(options, {
          transport: config.transport.type,
          extraQuery: 'all',
          corsHeaders: config.transport.corsAllowedHeaders ?? [],
          anyOrigin: allowsAnyOrigin(config.transport),
          tracing: config.middleware?.enableTracing === true,
          infoFor: () => infoOf(config),
        });
        try {
          if (isStdio) await opened.connect(new (await loadStdioSdk()).StdioServerTransport());
          else url = (await opened.listen()).url;
        } catch (error) {
          await opened.close();
          throw error;
        }
        gate = opened;
      } finally {
        starting = false;
      }
    },
    async stop() {
      const running = gate;
      gate = undefined;
      url = undefined;
      await running?.close();
    },
    isServerRunning: () => gate !== undefined,
    getPoolStats: () => Object.values(gate?.poolStats() ?? {})[0],
    get url() {
      return url;
    },
  };
}

function infoOf(config: WrapServerConfig): Readonly<Record<string, unknown>> {
  const base = config.transport.basePath ?? '/mcp';
  return {
    name: config.name ?? 'mcp-auth-wrapped-server',
    version: config.version ?? '1.0.0',
    resourceType: config.resourceType.trim().toLowerCase(),
    sessionMode: config.sessionMode ?? 'stateless',
    endpoints: { message: `${base}/message`, health: `${base}/health` },
    documentation: 'https://modelcontextprotocol.io/specification',
  };
}
