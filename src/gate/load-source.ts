import { redactText } from '../audit/redact.ts';
import type { ResolvedCommand, ResolvedRemote, ResolvedServer } from '../config/resolved-options.ts';
import { MCPAuthError, TokenResolutionError } from '../core/errors.ts';
import type { MCPServerFactory } from '../mcp/server-factory.ts';
import { createCommandServer } from '../mcp/upstream/command-server.ts';
import { connectUpstream } from '../mcp/upstream/connect-upstream.ts';
import { fillCredential, needsCredential } from '../mcp/upstream/credential-text.ts';
import { inheritedEnvironment } from '../mcp/upstream/inherited-environment.ts';
import { createRemoteServer } from '../mcp/upstream/remote-server.ts';
import { createStartBackoff } from '../mcp/upstream/start-backoff.ts';
import type { UpstreamOptions } from '../mcp/upstream/upstream-instances.ts';
import { loadFactory } from './load-factory.ts';
import { createServerLog } from './server-log.ts';

/** How servers come to be: built in this process by a factory, or connected elsewhere with a user's token. */
export type LoadedSource =
  | { readonly type: 'factory'; readonly factory: MCPServerFactory }
  | {
      readonly type: 'upstream';
      readonly connect: UpstreamOptions['connect'];
    };

export interface SourceContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

/** @throws ConfigurationError (CONFIGURATION_ERROR) for a module that cannot be loaded */
export async function loadSource(server: ResolvedServer, context: SourceContext): Promise<LoadedSource> {
  const { name, source } = server;
  switch (source.type) {
    case 'module':
    case 'factory':
      return { type: 'factory', factory: await loadFactory({ name, source }) };
    case 'command':
      return { type: 'upstream', connect: connectCommand(name, source, context) };
    case 'url':
      return { type: 'upstream', connect: connectRemote(name, source, context) };
  }
}

type Connect = Extract<LoadedSource, { readonly type: 'upstream' }>['connect'];

function connectCommand(name: string, source: ResolvedCommand, context: SourceContext): Connect {
  const { command, args, cwd, startTimeoutMs } = source;
  const backoff = createStartBackoff(context);
  const inherited = inheritedEnvironment(context.env);
  const isPersonal = Object.values(source.env).some(needsCredential);
  const onError = named(name, context.onError);
  return async ({ upstreamToken, principalKey, client, onUnheardChange }) => {
    // A token, or what a client says of itself, that makes the process end at once keeps nobody else from theirs.
    const key = JSON.stringify([principalKey, isPersonal ? upstreamToken.fingerprint() : '']);
    backoff.checkMayStart(key);
    const token = upstreamToken.reveal();
    if (token.includes('\0')) throw unusable();
    const product = createCommandServer({
      command,
      args,
      cwd,
      env: { ...inherited, ...fillCredential(source.env, token) },
      onLog: createServerLog(name, token),
      onError,
      onStarted: () => backoff.succeeded(key),
      onStartFailed: () => backoff.failed(key),
    });
    return connectUpstream(product, { startTimeoutMs, client, onUnheardChange, onError });
  };
}

function connectRemote(name: string, source: ResolvedRemote, context: SourceContext): Connect {
  const { url, startTimeoutMs } = source;
  const onError = named(name, context.onError);
  return async ({ upstreamToken, client, onUnheardChange }) => {
    const token = upstreamToken.reveal();
    if (!/^[\x21-\x7E]*$/.test(token)) throw unusable();
    const product = createRemoteServer({ url, headers: fillCredential(source.headers, token), onError });
    return connectUpstream(product, { startTimeoutMs, client, onUnheardChange, onError });
  };
}

/** Sent as it is, the token would break what carries it, and the platform's own error would quote it. */
function unusable(): TokenResolutionError {
  return new TokenResolutionError('The credential of this account cannot be used', {
    detail: 'upstream token with control characters',
  });
}

/** Which of several servers it was. */
function named(name: string, onError: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    const reason = error instanceof MCPAuthError ? reasonOf(error) : String(error);
    onError(new Error(`servers.${name}: ${redactText(reason, 500)}`, { cause: error }));
  };
}

function reasonOf({ message, detail }: MCPAuthError): string {
  return detail === undefined ? message : `${message} (${detail})`;
}
