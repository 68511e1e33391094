import type { McpServer } from '@modelcontextprotocol/server';
import { ConfigurationError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { RequestContext } from '../core/request-context.ts';
import { AuthenticatedTool, type ClassTool } from './authenticated-tool.ts';
import { loadServerSdk, type ServerSdk } from './sdk.ts';
import { isPrincipal, runToolCall, type ToolServerOwner } from './tool-call.ts';
import {
  type ArgumentsOf,
  defineTool,
  type ToolDefinition,
  type ToolOptions,
  type ToolRule,
} from './tool-definition.ts';
import type { ToolArguments, ToolHandler } from './tool-handler.ts';
import { stderrLogger, type ToolLogger } from './tool-logger.ts';

/** What servers say of themselves, and who enforces the rules of their tools. */
export interface ToolRegistryOptions {
  /** Name and version that servers give of themselves. */
  readonly name: string;
  readonly version: string;
  /** How to use the tools, told to clients. */
  readonly instructions?: string | undefined;
  /** Where failures of tools go, and what `withLogging` writes; by default JSON lines on stderr. */
  readonly logger?: ToolLogger | undefined;
  /**
   * Who checks {@link ToolRegistry.rules}. `registry` (the default) compares scopes and roles exactly at each
   * call. Say `gate` only when a gate is given these rules and nothing reaches a server past it; that a user
   * is authenticated is checked at each call all the same.
   */
  readonly rulesEnforcedBy?: 'registry' | 'gate' | undefined;
}

/** What a factory may learn of the request a server is made for. */
export interface ToolServerExtras {
  readonly principal?: Principal | undefined;
  readonly requestContext?: RequestContext | undefined;
}

/**
 * Makes a fresh SDK v2 server for one user. Without a principal whoever has a user id counts as authenticated,
 * and holds no scopes or roles.
 */
export type ToolServerFactory = (
  accessToken: string,
  userId: string,
  extras?: ToolServerExtras,
) => Promise<McpServer>;

/** The tools of a server to be. */
export interface ToolRegistry {
  /**
   * Adds a tool; servers made from now on have it. Every tool needs an authenticated user unless it is
   * declared `access: 'public'`.
   *
   * @throws ConfigurationError when the name is taken or malformed, a schema cannot be used, or the options
   * contradict each other.
   */
  register<Schema extends object | undefined = undefined, Args = ArgumentsOf<Schema>>(
    name: string,
    handler: ToolHandler<Args>,
    options?: ToolOptions<Schema>,
  ): void;
  /** Adds a class-based tool, behind authentication if it is not wrapped yet. @throws like `register`. */
  registerToolClass<Args>(tool: ClassTool<Args> | AuthenticatedTool<Args>): void;
  /** Tool names in the order of registration. */
  readonly names: readonly string[];
  /** Access rules declared beside the tools and by `withAuth` around them, by tool name. */
  rules(): Readonly<Record<string, ToolRule>>;
  /**
   * Loads the SDK and compiles every schema now rather than at the first request.
   *
   * @throws ConfigurationError when the SDK is not installed, or with every JSON Schema that does not compile.
   */
  prepare(): Promise<void>;
  /** The factory to serve, for instance by `wrapServer`; its first call makes up for a missing `prepare`. */
  factory(): ToolServerFactory;
}

/**
 * Holds tools and makes servers of them, one for each user: handlers are given that user's token and no other,
 * and a server refuses calls of another principal.
 *
 * @throws ConfigurationError when name or version are missing.
 */
export function createToolRegistry(options: ToolRegistryOptions): ToolRegistry {
  checkOptions(options);
  const tools = new Map<string, ToolDefinition>();

  function add(name: string, handler: ToolHandler, toolOptions: ToolOptions): void {
    if (tools.has(name)) throw new ConfigurationError(`tool ${name} is already registered`);
    tools.set(name, defineTool(name, handler, toolOptions));
  }

  return {
    register: (name, handler, toolOptions = {}) => {
      // Arguments are checked against the schema before the handler sees them.
      add(name, handler as ToolHandler, toolOptions as ToolOptions);
    },
    registerToolClass: (tool) => {
      const wrapped = tool instanceof AuthenticatedTool ? tool : new AuthenticatedTool(tool);
      add(wrapped.name, wrapped.handler as ToolHandler, {
        title: wrapped.title,
        description: wrapped.description,
        inputSchema: wrapped.inputSchema,
        outputSchema: wrapped.outputSchema,
        annotations: wrapped.annotations,
        access: wrapped.requiresAuth ? 'required' : 'public',
      });
    },
    get names() {
      return [...tools.keys()];
    },
    rules: () => Object.fromEntries([...tools.values()].map((tool) => [tool.name, tool.rule])),
    prepare: async () => checkSchemas(tools.values(), await loadServerSdk()),
    factory: () => async (accessToken, userId, extras) => {
      const sdk = await loadServerSdk();
      const { principal, requestContext } = extras ?? {};
      if (principal !== undefined && !isPrincipal(principal)) {
        throw new ConfigurationError('a tool server was asked for with something else than a principal');
      }
      const owner = { accessToken, userId, principal, requestContext };
      return createServer({ sdk, options, owner, tools: tools.values() });
    },
  };
}

interface ServerParts {
  readonly sdk: ServerSdk;
  readonly options: ToolRegistryOptions;
  readonly owner: ToolServerOwner;
  readonly tools: Iterable<ToolDefinition>;
}

function createServer({ sdk, options, owner, tools }: ServerParts): McpServer {
  const { name, version, instructions, logger = stderrLogger } = options;
  const server = new sdk.McpServer(
    { name, version },
    { capabilities: { tools: { listChanged: false } }, ...(instructions !== undefined && { instructions }) },
  );
  const rules = { isCallToolResult: sdk.isCallToolResult, isInputRequiredResult: sdk.isInputRequiredResult };
  const isRuleEnforced = options.rulesEnforcedBy === 'gate';
  for (const tool of tools) {
    const parts = { tool, owner, rules, logger, isRuleEnforced };
    server.registerTool(tool.name, tool.toConfig(sdk), (args, context) =>
      runToolCall(parts, args as ToolArguments, context),
    );
  }
  return server;
}

function checkSchemas(tools: Iterable<ToolDefinition>, sdk: ServerSdk): void {
  const problems: string[] = [];
  for (const tool of tools) {
    try {
      tool.toConfig(sdk);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
}

function checkOptions({ name, version, rulesEnforcedBy = 'registry' }: ToolRegistryOptions): void {
  const problems: string[] = [];
  if (typeof name !== 'string' || name === '') problems.push('a tool registry needs a name');
  if (typeof version !== 'string' || version === '') problems.push('a tool registry needs a version');
  if (rulesEnforcedBy !== 'registry' && rulesEnforcedBy !== 'gate') {
    problems.push("rulesEnforcedBy must be 'registry' or 'gate'");
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
}
