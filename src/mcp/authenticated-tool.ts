import { ConfigurationError } from '../core/errors.ts';
import { protect } from './middleware/requirement.ts';
import type { ToolAnnotations } from './tool-definition.ts';
import type { ToolArguments, ToolCall, ToolContext, ToolHandler } from './tool-handler.ts';

/** A tool as an object. */
export interface ClassTool<Args = ToolArguments> {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  /** Zod 4 object or raw shape, Standard Schema with JSON Schema, or plain JSON Schema. */
  readonly inputSchema?: object | undefined;
  readonly outputSchema?: object | undefined;
  readonly annotations?: ToolAnnotations | undefined;
  execute(args: Args, accessToken: string, userId: string, context?: ToolContext): unknown;
}

/** What a class-based tool demands of its caller. */
export interface AuthenticatedToolOptions {
  /** Whether the tool runs for authenticated users only; true. */
  readonly requiresAuth?: boolean | undefined;
  /** Scopes the caller must all hold. */
  readonly scopes?: readonly string[] | undefined;
  /** Roles the caller must all have. */
  readonly roles?: readonly string[] | undefined;
}

/**
 * A class-based tool behind authentication. With `requiresAuth: false` it runs for everybody and is given
 * neither token nor user id, also when a user is known.
 *
 * @throws ConfigurationError at construction.
 */
export class AuthenticatedTool<Args = ToolArguments> {
  readonly #tool: ClassTool<Args>;
  readonly requiresAuth: boolean;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  /** The tool as a function, with its check in front. */
  readonly handler: ToolHandler<Args>;

  constructor(tool: ClassTool<Args>, options: AuthenticatedToolOptions = {}) {
    this.#tool = tool;
    this.requiresAuth = options.requiresAuth ?? true;
    this.scopes = [...(options.scopes ?? [])];
    this.roles = [...(options.roles ?? [])];
    if (typeof tool.execute !== 'function')
      throw new ConfigurationError('a class-based tool needs execute()');
    if (!this.requiresAuth && this.scopes.length + this.roles.length > 0) {
      throw new ConfigurationError(`tool ${tool.name}: scopes and roles need requiresAuth`);
    }
    this.handler = this.requiresAuth
      ? protect<Args>((...call) => tool.execute(...call), this)
      : (...[args, , , context]) => tool.execute(args, '', '', context);
  }

  get name(): string {
    return this.#tool.name;
  }

  get title(): string | undefined {
    return this.#tool.title;
  }

  get description(): string | undefined {
    return this.#tool.description;
  }

  get inputSchema(): object | undefined {
    return this.#tool.inputSchema;
  }

  get outputSchema(): object | undefined {
    return this.#tool.outputSchema;
  }

  get annotations(): ToolAnnotations | undefined {
    return this.#tool.annotations;
  }

  /** Runs the tool; rejects like `withAuth` when the caller may not. */
  async execute(...call: ToolCall<Args>): Promise<unknown> {
    return this.handler(...call);
  }
}
