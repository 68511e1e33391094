import { MCPAuthError, ValidationError } from '../core/errors.ts';
import type { RequestContext } from '../core/request-context.ts';
import type { Dispatcher, InnerResponse } from './inner-request.ts';
import type { JsonObject } from './json-value.ts';
import type { RouteTool } from './route-tools.ts';
import { type AppAnswer, toFailure, toToolResult } from './tool-result.ts';

export interface CallRouteOptions {
  readonly dispatcher: Dispatcher;
  /** Where the app is, as its clients know it. */
  readonly publicUrl: URL;
  /** Which header fields of the caller's request the app gets to see, in lower case. */
  readonly forwardHeaders: readonly string[];
  readonly maxAnswerBytes: number;
}

/** Calls a route of the app for the caller of a tool, and gives what a client of MCP can do with its answer. */
export async function callRoute(
  options: CallRouteOptions,
  tool: RouteTool,
  call: { readonly args: JsonObject; readonly context: RequestContext; readonly signal: AbortSignal },
): Promise<object> {
  const { context, signal } = call;
  try {
    const route = await tool.toRequest(call.args);
    const response = await options.dispatcher.dispatch({
      method: route.method,
      target: route.target,
      headers: { ...callerHeaders(options, context), ...route.headers },
      body: route.body,
      connection: {
        remoteAddress: context.remoteAddress,
        encrypted: options.publicUrl.protocol === 'https:',
      },
      signal,
    });
    const answer = await readAnswer(response, options.maxAnswerBytes);
    const result = toToolResult(route.target, answer);
    if (result.isError === undefined) await tool.checkOutput?.(result.structuredContent);
    return result;
  } catch (error) {
    if (error instanceof ValidationError || isAppFailure(error)) return toFailure(error.message);
    throw error;
  }
}

const APP_FAILURES: ReadonlySet<string> = new Set([
  'REQUEST_TIMEOUT',
  'TRANSPORT_ERROR',
  'PAYLOAD_TOO_LARGE',
]);

function isAppFailure(error: unknown): error is MCPAuthError {
  return error instanceof MCPAuthError && APP_FAILURES.has(error.code);
}

/** Nothing else of the caller's request reaches the app: not what proxies, browsers or MCP say of it, nor its cookies. */
function callerHeaders(
  { forwardHeaders, publicUrl }: CallRouteOptions,
  { headers = {}, requestId }: RequestContext,
): Record<string, string> {
  const shown: Record<string, string> = { host: publicUrl.host, accept: 'application/json, */*;q=0.5' };
  if (requestId !== undefined) shown['x-request-id'] = requestId;
  for (const name of forwardHeaders) {
    const value = headers[name];
    if (typeof value === 'string') shown[name] = value;
  }
  return shown;
}

/** @throws MCPAuthError (PAYLOAD_TOO_LARGE) */
async function readAnswer(response: InnerResponse, maxBytes: number): Promise<AppAnswer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) {
      throw new MCPAuthError('PAYLOAD_TOO_LARGE', `The answer of the app is larger than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  const contentType = response.headers['content-type'];
  const mediaType = typeof contentType === 'string' ? (contentType.split(';')[0] ?? '') : '';
  return { status: response.status, mediaType: mediaType.trim().toLowerCase(), body: Buffer.concat(chunks) };
}
