import type { Authorizer } from './authz/authorizer.ts';
import { combineAuthorizers } from './authz/combine.ts';
import { createRuleAuthorizer } from './authz/rule-authorizer.ts';
import { ConfigurationError } from './core/errors.ts';
import { isAuthorizer } from './gate/wrap-problems.ts';
import type { AuthenticatedTool, ClassTool } from './mcp/authenticated-tool.ts';
import type { MCPServerFactory } from './mcp/server-factory.ts';
import type { ArgumentsOf, ToolOptions, ToolRule } from './mcp/tool-definition.ts';
import type { ToolHandler } from './mcp/tool-handler.ts';
import { createToolRegistry, type ToolRegistry } from './mcp/tool-registry.ts';
import { resolveWrapConfig, type WrapServerConfig } from './wrap-options.ts';
import { type WrappedServer, wrapServer } from './wrap-server.ts';

/** As for {@link WrapServerConfig}, without a factory: the tools are registered here. */
export interface AuthenticatedServerConfig extends Omit<WrapServerConfig, 'serverFactory' | 'name'> {
  readonly name: string;
  /** How to use the tools, told to clients. */
  readonly instructions?: string | undefined;
}

/** An MCP server whose tools are given the user's id and upstream token. */
export class AuthenticatedMCPServer {
  readonly #config: AuthenticatedServerConfig;
  readonly #registry: ToolRegistry;
  readonly #registrations: ((registry: ToolRegistry) => void)[] = [];
  #running: WrappedServer | undefined;
  #stopping: Promise<void> = Promise.resolve();

  /** @throws ConfigurationError (CONFIGURATION_ERROR) listing every problem at once */
  constructor(config: AuthenticatedServerConfig) {
    const problems = [
      ...problemsOf(() => resolveWrapConfig({ ...config, serverFactory: unused })),
      ...problemsOf(() => createRegistry(config ?? {})),
    ];
    if (problems.length > 0) throw new ConfigurationError(problems);
    this.#config = config;
    this.#registry = createRegistry(config);
  }

  /**
   * Adds a tool; it is served from the next start on. Every tool needs an authenticated user unless it is declared
   * `access: 'public'`.
   *
   * @throws ConfigurationError when the name is taken or malformed, or a schema cannot be used
   */
  registerTool<Schema extends object | undefined = undefined, Args = ArgumentsOf<Schema>>(
    name: string,
    handler: ToolHandler<Args>,
    options?: ToolOptions<Schema>,
  ): void {
    this.#add((registry) => registry.register(name, handler, options));
  }

  /** Adds a class-based tool. @throws ConfigurationError as `registerTool` */
  registerToolClass<Args>(tool: ClassTool<Args> | AuthenticatedTool<Args>): void {
    this.#add((registry) => registry.registerToolClass(tool));
  }

  #add(register: (registry: ToolRegistry) => void): void {
    register(this.#registry);
    this.#registrations.push(register);
  }

  /** @throws ConfigurationError when it runs already, TransportError when the address is taken */
  async start(): Promise<void> {
    if (this.#running !== undefined)
      throw new ConfigurationError('The server is running already; stop it first');
    // What is served and who may call it are taken together, so that no tool is served without its rule.
    const registry = createRegistry(this.#config);
    for (const register of this.#registrations) register(registry);
    const server = wrapServer({
      ...this.#config,
      serverFactory: registry.factory() as MCPServerFactory,
      authorization: withRules(this.#config.authorization, registry.rules()),
    });
    this.#running = server;
    try {
      await this.#stopping;
      await registry.prepare();
      if (this.#running === server) await server.start();
    } catch (error) {
      if (this.#running === server) this.#running = undefined;
      throw error;
    }
  }

  /** Lets calls in flight finish, then closes the listener. Safe to call twice, and while it starts. */
  async stop(): Promise<void> {
    const server = this.#running;
    this.#running = undefined;
    if (server !== undefined) {
      const stopping = server.stop();
      this.#stopping = stopping.catch(() => undefined);
      await stopping;
    }
    await this.#stopping;
  }

  isServerRunning(): boolean {
    return this.#running?.isServerRunning() ?? false;
  }

  /** Where it listens; undefined over stdio and while it does not run. */
  get url(): string | undefined {
    return this.#running?.url;
  }
}

function createRegistry({
  name,
  version = '1.0.0',
  instructions,
}: Partial<AuthenticatedServerConfig>): ToolRegistry {
  return createToolRegistry({ name: name ?? '', version, instructions, rulesEnforcedBy: 'gate' });
}

function problemsOf(make: () => unknown): readonly string[] {
  try {
    make();
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

function unused(): never {
  throw new Error('The factory of a configuration check is never called');
}

/** What is declared beside the tools, and what is configured: both must hold. */
function withRules(
  configured: AuthenticatedServerConfig['authorization'] = {},
  rules: Readonly<Record<string, ToolRule>>,
): Authorizer {
  const tools = Object.fromEntries(Object.entries(rules).map(([name, rule]) => [`*/${name}`, rule]));
  if (isAuthorizer(configured)) return combineAuthorizers([createRuleAuthorizer({ tools }), configured]);
  const twice = Object.keys(configured.tools ?? {}).filter((pattern) => Object.hasOwn(tools, pattern));
  if (twice.length > 0) {
    throw new ConfigurationError(
      twice.map((pattern) => `authorization.tools: ${pattern} is declared beside the tool too`),
    );
  }
  return createRuleAuthorizer({ ...configured, tools: { ...tools, ...configured.tools } });
}
