import type { StandardSchemaWithJSON } from '@modelcontextprotocol/server';
import type { z } from 'zod';
import { ConfigurationError } from '../core/errors.ts';
import { findRequirement, protect } from './middleware/requirement.ts';
import { checkHandler } from './middleware/tool-middleware.ts';
import type { ServerSdk } from './sdk.ts';
import type { ToolArguments, ToolHandler } from './tool-handler.ts';
import { OPEN_SCHEMA, type PreparedSchema, prepareSchema } from './tool-schema.ts';

/** What the SDK is told of a tool. */
export interface SdkToolConfig {
  inputSchema: StandardSchemaWithJSON;
  outputSchema?: StandardSchemaWithJSON;
  title?: string;
  description?: string;
  annotations?: Defined<ToolAnnotations>;
}

type Defined<T> = { -readonly [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Hints for clients, as MCP defines them; never a reason to trust a tool. */
export interface ToolAnnotations {
  readonly title?: string | undefined;
  readonly readOnlyHint?: boolean | undefined;
  readonly destructiveHint?: boolean | undefined;
  readonly idempotentHint?: boolean | undefined;
  readonly openWorldHint?: boolean | undefined;
}

/** Who may call a tool. What is absent demands nothing more than an authenticated user. */
export interface ToolRule {
  /** `public` tools are served to anybody. */
  readonly access: 'required' | 'public';
  /** Scopes that must all be held. */
  readonly scopes?: readonly string[];
  /** Roles that must all be held. */
  readonly roles?: readonly string[];
}

/** What a tool is registered with. */
export interface ToolOptions<Schema = object> {
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  /** Zod 4 object or raw shape, Standard Schema with JSON Schema, or plain JSON Schema. Without one all arguments pass. */
  readonly inputSchema?: Schema | undefined;
  readonly outputSchema?: object | undefined;
  readonly annotations?: ToolAnnotations | undefined;
  /** Whether a user must be authenticated; `required`. */
  readonly access?: 'required' | 'public' | undefined;
  /** Scopes the caller must all hold. */
  readonly scopes?: readonly string[] | undefined;
  /** Roles the caller must all have. */
  readonly roles?: readonly string[] | undefined;
}

/** What a handler is given under an input schema. */
export type ArgumentsOf<Schema> = Schema extends { readonly '~standard': { readonly types?: infer Types } }
  ? NonNullable<Types> extends { readonly output: infer Output }
    ? Output
    : ToolArguments
  : Schema extends Readonly<Record<string, z.ZodType>>
    ? z.infer<z.ZodObject<Schema>>
    : ToolArguments;

/** A tool, checked and ready to be put on any number of servers. */
export interface ToolDefinition {
  readonly name: string;
  readonly rule: ToolRule;
  /** Behind its check, unless the tool is public. */
  readonly handler: ToolHandler;
  readonly idempotent: boolean;
  readonly hasOutputSchema: boolean;
  /** @throws ConfigurationError when a plain JSON Schema does not compile. */
  toConfig(sdk: ServerSdk): SdkToolConfig;
}

// MCP, server/tools, tool names.
const NAME = /^[A-Za-z0-9_.-]{1,128}$/;

/**
 * Checks a tool and prepares all that servers share.
 *
 * @throws ConfigurationError with everything that is wrong.
 */
export function defineTool(name: string, handler: ToolHandler, options: ToolOptions): ToolDefinition {
  checkName(name);
  checkHandler(handler, `tool ${name} needs a handler`);
  const problems: string[] = [];
  const input = prepare(options.inputSchema, 'input', problems) ?? OPEN_SCHEMA;
  const output = prepare(options.outputSchema, 'output', problems);
  const rule = toRule(handler, options, problems);
  if (problems.length > 0)
    throw new ConfigurationError(problems.map((problem) => `tool ${name}: ${problem}`));

  const { annotations } = options;
  let config: SdkToolConfig | undefined;
  return {
    name,
    rule,
    handler:
      rule.access === 'public'
        ? handler
        : protect(handler, { scopes: rule.scopes ?? [], roles: rule.roles ?? [] }),
    idempotent: annotations?.idempotentHint === true || annotations?.readOnlyHint === true,
    hasOutputSchema: output !== undefined,
    toConfig: (sdk) => (config ??= toSdkConfig(name, { options, input, output }, sdk)),
  };
}

function checkName(name: string): void {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new ConfigurationError('a tool name has 1 to 128 characters of A-Z, a-z, 0-9, "_", "-" and "."');
  }
  // The SDK keeps tools in a plain object, where these names are taken.
  if (name in Object.prototype) throw new ConfigurationError(`tool ${name}: this name cannot be used`);
}

function prepare(
  schema: object | undefined,
  side: 'input' | 'output',
  problems: string[],
): PreparedSchema | undefined {
  if (schema === undefined) return undefined;
  try {
    return prepareSchema(schema, side);
  } catch (error) {
    problems.push(`${side}Schema: ${error instanceof Error ? error.message : 'is not a schema'}`);
    return undefined;
  }
}

/** What the options and a `withAuth` around the handler demand together. */
function toRule(handler: ToolHandler, options: ToolOptions, problems: string[]): ToolRule {
  const { access = 'required' } = options;
  const inner = findRequirement(handler);
  if (access !== 'required' && access !== 'public') problems.push("access must be 'required' or 'public'");
  if (
    access === 'public' &&
    (options.scopes !== undefined || options.roles !== undefined || inner !== undefined)
  ) {
    problems.push('a public tool can demand neither scopes, roles nor withAuth');
  }
  const scopes = [...new Set([...(options.scopes ?? []), ...(inner?.scopes ?? [])])];
  const roles = [...new Set([...(options.roles ?? []), ...(inner?.roles ?? [])])];
  return { access, ...(scopes.length > 0 && { scopes }), ...(roles.length > 0 && { roles }) };
}

interface ConfigParts {
  readonly options: ToolOptions;
  readonly input: PreparedSchema;
  readonly output: PreparedSchema | undefined;
}

function toSdkConfig(name: string, { options, input, output }: ConfigParts, sdk: ServerSdk): SdkToolConfig {
  const { title, description, annotations } = options;
  try {
    return {
      inputSchema: input(sdk),
      ...(output !== undefined && { outputSchema: output(sdk) }),
      ...(title !== undefined && { title }),
      ...(description !== undefined && { description }),
      ...(annotations !== undefined && { annotations: defined(annotations) }),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'is not valid';
    throw new ConfigurationError(`tool ${name}: JSON Schema: ${reason}`, { cause });
  }
}

function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
