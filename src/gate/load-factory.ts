import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { redactText } from '../audit/redact.ts';
import { describeFailure } from '../config/describe-failure.ts';
import type { ResolvedSource } from '../config/resolved-options.ts';
import { ConfigurationError } from '../core/errors.ts';
import type { MCPServerFactory } from '../mcp/server-factory.ts';

/** A server that is built in this process. */
export interface BuiltInSource {
  readonly name: string;
  readonly source: Extract<ResolvedSource, { readonly type: 'module' | 'factory' }>;
}

/** The factory of a server: given in code, or the export `createServer` of its module. @throws ConfigurationError */
export async function loadFactory({ name, source }: BuiltInSource): Promise<MCPServerFactory> {
  // Options cannot name the SDK's types, so their factory says less than ours.
  if (source.type === 'factory') return source.factory as unknown as MCPServerFactory;
  const isPath = source.module.startsWith('.') || isAbsolute(source.module);
  const specifier = isPath ? pathToFileURL(resolve(source.module)).href : source.module;
  let module: Record<string, unknown>;
  try {
    module = (await import(specifier)) as Record<string, unknown>;
  } catch (cause) {
    const reason = reasonOf(cause, isPath ? resolve(source.module) : specifier);
    throw new ConfigurationError(`servers.${name}.module: ${source.module} cannot be loaded: ${reason}`, {
      cause,
    });
  }
  const factory = module['createServer'] ?? module['default'];
  if (typeof factory === 'function') return factory as MCPServerFactory;
  throw new ConfigurationError(
    `servers.${name}.module: ${source.module} must export a function createServer(accessToken, userId)`,
  );
}

/** Without what it may quote: a syntax error repeats the text, which JSON.parse may have got from anywhere. */
function reasonOf(cause: unknown, file: string): string {
  const isQuoting = !(cause instanceof Error) || cause instanceof SyntaxError || 'code' in cause;
  return isQuoting ? describeFailure(cause, file) : redactText(cause.message, 200);
}
