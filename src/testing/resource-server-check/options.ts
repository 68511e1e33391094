import { ValidationError } from '../../core/errors.ts';

/** A tool to call and what to call it with. */
export interface ToolCall {
  readonly name: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

/** Credentials the judge may be given. All are bearer tokens for the server unless said otherwise. */
export interface CheckTokens {
  /** Valid, of an ordinary principal. */
  readonly token?: string;
  /** Valid, of another principal. */
  readonly otherToken?: string;
  /** Valid, but without the scope that `scopedTool` needs. */
  readonly limitedToken?: string;
  /** Validly signed and unexpired, but for another resource; several may be given. */
  readonly foreignAudienceToken?: string | readonly string[];
  /** An unexpired OpenID Connect ID token of the same issuer. */
  readonly idToken?: string;
  /** Valid in all but its expiry. */
  readonly expiredToken?: string;
  /** Valid in all but its revocation. */
  readonly revokedToken?: string;
  /** Well-formed, of an issuer the server does not know. */
  readonly foreignIssuerToken?: string;
  /** A JWT that expires within two minutes. */
  readonly shortLivedToken?: string;
  /** Bound to a key (`cnf`, RFC 9449 or RFC 8705); sent without its proof. */
  readonly boundToken?: string;
}

/** What the judge is told; everything but the address may be left out. */
export interface CheckOptions extends CheckTokens {
  /** The MCP endpoint, http or https. */
  readonly url: string | URL;
  /** The server's canonical URI, when it is judged by another address than its public one. */
  readonly resource?: string;
  /** An origin that the server lets in by CORS; otherwise its own is tried. */
  readonly origin?: string;
  /** A harmless tool that `token` may call. */
  readonly tool?: ToolCall | string;
  /** A tool that needs a scope `limitedToken` lacks. It is called with that token only. */
  readonly scopedTool?: ToolCall | string;
  /** Names or URIs that exist, and that the principal of `token` may not see. */
  readonly hiddenTool?: string;
  readonly hiddenPrompt?: string;
  readonly hiddenResource?: string;
  /** Per request; 10 000 by default. */
  readonly timeoutMs?: number;
  /** How long a stream may outlive its token; 5 000 by default. */
  readonly streamGraceMs?: number;
  /**
   * Carries the requests instead of a connection of the judge's own. What fetch cannot send (a foreign
   * Host, two Authorization headers) is then not applicable.
   */
  readonly fetch?: typeof globalThis.fetch;
  /** Item numbers; all of them by default. */
  readonly only?: readonly number[];
}

/** The options that hold tokens. */
export type TokenName = keyof CheckTokens;

const SINGLE_TOKENS = [
  'token',
  'otherToken',
  'limitedToken',
  'idToken',
  'expiredToken',
  'revokedToken',
  'foreignIssuerToken',
  'shortLivedToken',
  'boundToken',
] as const satisfies readonly TokenName[];

/** Those of which one is given at most. */
export type SingleTokenName = (typeof SINGLE_TOKENS)[number];

/** The options with every default filled in and every value checked. */
export interface ResolvedOptions {
  readonly url: URL;
  readonly resource: URL;
  readonly origin: string;
  readonly tokens: Readonly<Partial<Record<SingleTokenName, string>>>;
  readonly foreignAudienceTokens: readonly string[];
  readonly tool?: ToolCall;
  readonly scopedTool?: ToolCall;
  readonly hidden: { readonly tool?: string; readonly prompt?: string; readonly resource?: string };
  readonly timeoutMs: number;
  readonly streamGraceMs: number;
  readonly fetch?: typeof globalThis.fetch;
  readonly only: readonly number[];
}

const ITEM_COUNT = 17;
const MAX_DURATION_MS = 600_000;
const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_STREAM_GRACE_MS = 5_000;

/**
 * The options, checked and complete.
 * @throws ValidationError naming every mistake at once; no message repeats a token.
 */
export function parseCheckOptions(options: CheckOptions): ResolvedOptions {
  const problems: string[] = [];
  const url = parseEndpoint('url', String(options.url), problems);
  const resource = parseEndpoint('resource', options.resource ?? String(options.url), problems);
  const tokens: Partial<Record<SingleTokenName, string>> = {};
  for (const name of SINGLE_TOKENS) {
    const token = options[name];
    if (token !== undefined) tokens[name] = parseToken(name, token, problems);
  }
  const foreign = [options.foreignAudienceToken ?? []].flat();
  const resolved = {
    tokens,
    foreignAudienceTokens: foreign.map((token) => parseToken('foreignAudienceToken', token, problems)),
    ...parseTools(options),
    timeoutMs: parseDuration('timeoutMs', options.timeoutMs ?? DEFAULT_TIMEOUT_MS, problems),
    streamGraceMs: parseDuration('streamGraceMs', options.streamGraceMs ?? DEFAULT_STREAM_GRACE_MS, problems),
    only: parseOnly(options.only, problems),
    origin: parseOrigin(options.origin ?? url?.origin, problems),
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  };
  if (url === undefined || resource === undefined || problems.length > 0) {
    throw new ValidationError(problems.join('\n'));
  }
  return { ...resolved, url, resource };
}

function parseEndpoint(name: string, text: string, problems: string[]): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    problems.push(`${name} must be an absolute http or https URL`);
    return undefined;
  }
  if (url.hash !== '' || url.username !== '' || url.password !== '') {
    problems.push(`${name} must have neither a fragment nor a user name`);
  }
  return url;
}

function parseOrigin(text: string | undefined, problems: string[]): string {
  if (text !== undefined && (!URL.canParse(text) || new URL(text).origin !== text)) {
    problems.push('origin must be a scheme, a host and a port where it is not the usual one');
  }
  return text ?? '';
}

function parseToken(name: TokenName, token: string, problems: string[]): string {
  // Visible ASCII alone can stand in a header; anything else would change what is being tested.
  if (!/^[\x21-\x7e]{1,16384}$/.test(token)) {
    problems.push(`${name} must be 1 to 16384 visible ASCII characters without spaces`);
  }
  return token;
}

function parseDuration(name: string, value: number, problems: string[]): number {
  if (!Number.isInteger(value) || value < 1 || value > MAX_DURATION_MS) {
    problems.push(`${name} must be a whole number of milliseconds from 1 to ${MAX_DURATION_MS}`);
  }
  return value;
}

function parseOnly(only: readonly number[] | undefined, problems: string[]): readonly number[] {
  const all = Array.from({ length: ITEM_COUNT }, (_, index) => index + 1);
  if (only === undefined) return all;
  if (only.length === 0 || only.some((id) => !all.includes(id))) {
    problems.push(`only must list item numbers from 1 to ${ITEM_COUNT}`);
  }
  return only;
}

function parseTools(options: CheckOptions): Pick<ResolvedOptions, 'tool' | 'scopedTool' | 'hidden'> {
  const call = (tool: ToolCall | string): ToolCall => (typeof tool === 'string' ? { name: tool } : tool);
  return {
    ...(options.tool === undefined ? {} : { tool: call(options.tool) }),
    ...(options.scopedTool === undefined ? {} : { scopedTool: call(options.scopedTool) }),
    hidden: {
      ...(options.hiddenTool === undefined ? {} : { tool: options.hiddenTool }),
      ...(options.hiddenPrompt === undefined ? {} : { prompt: options.hiddenPrompt }),
      ...(options.hiddenResource === undefined ? {} : { resource: options.hiddenResource }),
    },
  };
}
