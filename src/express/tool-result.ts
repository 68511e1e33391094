import type { JsonObject } from './json-value.ts';

/** The whole answer of an app. */
export interface AppAnswer {
  readonly status: number;
  /** Without parameters, in lower case; empty where there was none. */
  readonly mediaType: string;
  readonly body: Uint8Array;
}

/** The key of a result's `_meta` that tells how the app answered. */
export const HTTP_META = 'mcp-gatehouse/http';

/** A result of `tools/call` (MCP 2025-11-25, Tools). */
export interface ToolResult {
  readonly content: readonly JsonObject[];
  readonly structuredContent?: JsonObject;
  readonly isError?: true;
  readonly _meta: { readonly [HTTP_META]: { readonly status: number; readonly contentType: string } };
}

/**
 * What a model gets of an app's answer. An error says its status first; what an app says of its own failures (5xx) stays
 * with the app, for it may hold a stack. Headers are for nobody: cookies are among them.
 */
export function toToolResult(target: string, answer: AppAnswer): ToolResult {
  const { status, mediaType } = answer;
  const _meta = { [HTTP_META]: { status, contentType: mediaType } };
  if (status >= 500)
    return { content: [textOf(`The app answered with status ${status}`)], isError: true, _meta };
  const value = isJson(mediaType) ? parse(answer.body) : undefined;
  const content = toContent(target, answer, value !== undefined);
  if (status >= 400) {
    return { content: [textOf(`The app answered with status ${status}`), ...content], isError: true, _meta };
  }
  const parsed = value?.parsed;
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  return { content, ...(isObject && { structuredContent: parsed as JsonObject }), _meta };
}

function toContent(target: string, { mediaType, body }: AppAnswer, isParsed: boolean): readonly JsonObject[] {
  if (body.byteLength === 0) return [];
  if (isParsed || isText(mediaType)) return [textOf(decoder.decode(body))];
  const data = Buffer.from(body).toString('base64');
  const mimeType = mediaType === '' ? 'application/octet-stream' : mediaType;
  if (mediaType.startsWith('image/')) return [{ type: 'image', data, mimeType }];
  if (mediaType.startsWith('audio/')) return [{ type: 'audio', data, mimeType }];
  return [{ type: 'resource', resource: { uri: `app:${target}`, mimeType, blob: data } }];
}

/** An answer that no app gave: the arguments were wrong, or there was none in time. */
export function toFailure(message: string): JsonObject {
  return { content: [textOf(message)], isError: true };
}

const decoder = new TextDecoder();

const textOf = (text: string): JsonObject => ({ type: 'text', text });

// RFC 6839 §3.1
const isJson = (mediaType: string): boolean =>
  mediaType === 'application/json' || mediaType.endsWith('+json');

const TEXT: ReadonlySet<string> = new Set([
  'application/x-ndjson',
  'application/xml',
  'application/javascript',
  'application/x-www-form-urlencoded',
]);

const isText = (mediaType: string): boolean =>
  mediaType.startsWith('text/') || mediaType.endsWith('+xml') || isJson(mediaType) || TEXT.has(mediaType);

function parse(body: Uint8Array): { readonly parsed: unknown } | undefined {
  try {
    return { parsed: JSON.parse(decoder.decode(body)) as unknown };
  } catch {
    return undefined;
  }
}
