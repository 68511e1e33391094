import { randomUUID } from 'node:crypto';
import { ERRORS } from '../core/errors.ts';
import type { Refusal } from '../core/refusal.ts';
import { ENVELOPE } from './envelope.ts';
import { asRecord } from './message-facts.ts';
import type { JsonRpcErrorResponse, JsonRpcRequest, JsonRpcResponse } from './server-product.ts';

const INVALID_PARAMS = -32602;
const METHOD_NOT_FOUND = -32601;
const URL_ELICITATION_REQUIRED = -32042;

/** Whether a refusal is told inside JSON-RPC even over HTTP: a status there would say too much, or too little. */
export function isInBand(refusal: Refusal, method: string): boolean {
  return refusal.hidden === true || (refusal.remedy?.kind === 'link' && method === 'tools/call');
}

/** Puts a refusal into a JSON-RPC answer. A hidden target and an unknown one read the same. */
export function toRefusalMessage(refusal: Refusal, request: JsonRpcRequest): JsonRpcResponse {
  if (refusal.hidden === true) return hiddenAnswer(refusal, request);
  if (refusal.remedy?.kind === 'link' && request.method === 'tools/call') return linkAnswer(refusal, request);
  const { code, remedy, retryAfterSeconds } = refusal;
  const data = {
    code,
    ...(remedy && { remedy }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  };
  return error(request, { code: ERRORS[code].rpcCode, message: refusal.message, data });
}

const SUBSCRIPTIONS: ReadonlySet<string> = new Set(['resources/subscribe', 'resources/unsubscribe']);

/**
 * Servers take subscriptions to what does not exist; to what is hidden no update is ever delivered. The 2026 era
 * has `subscriptions/listen` in place of these methods.
 */
function hiddenAnswer(refusal: Refusal, request: JsonRpcRequest): JsonRpcResponse {
  if (!SUBSCRIPTIONS.has(request.method)) {
    const { uri } = asRecord(request.params);
    // MCP 2026-07-28, Resources, Error Handling: the data names the URI asked for.
    const data = request.method === 'resources/read' && typeof uri === 'string' && { data: { uri } };
    return error(request, { code: INVALID_PARAMS, message: refusal.message, ...data });
  }
  if (isModern(request)) return error(request, { code: METHOD_NOT_FOUND, message: 'Method not found' });
  return { jsonrpc: '2.0', id: request.id, result: {} };
}

function error(request: JsonRpcRequest, body: JsonRpcErrorResponse['error']): JsonRpcResponse {
  return { jsonrpc: '2.0', id: request.id, error: body };
}

/**
 * An account that is not linked: the client opens the URL if it said that it can (2026: input_required,
 * 2025: -32042), otherwise the model is told in a result that it can pass on.
 */
function linkAnswer(refusal: Refusal, request: JsonRpcRequest): JsonRpcResponse {
  const url = refusal.remedy?.kind === 'link' ? refusal.remedy.url : undefined;
  const meta = asRecord(asRecord(request.params)['_meta']);
  const modern = isModern(request);
  if (url !== undefined && modern && canOpenUrl(meta)) {
    const elicit = { method: 'elicitation/create', params: { mode: 'url', url, message: refusal.message } };
    const result = { resultType: 'input_required', inputRequests: { link: elicit } };
    return { jsonrpc: '2.0', id: request.id, result };
  }
  if (url !== undefined && !modern) {
    const elicitation = { mode: 'url', url, message: refusal.message, elicitationId: randomUUID() };
    const data = { elicitations: [elicitation] };
    return error(request, { code: URL_ELICITATION_REQUIRED, message: refusal.message, data });
  }
  const body = { error: refusal.message, code: refusal.code, remedy: refusal.remedy };
  const result = {
    content: [{ type: 'text', text: JSON.stringify(body) }],
    isError: true,
    ...(modern && { resultType: 'complete' }),
  };
  return { jsonrpc: '2.0', id: request.id, result };
}

function isModern(request: JsonRpcRequest): boolean {
  return asRecord(asRecord(request.params)['_meta'])[ENVELOPE.protocolVersion] !== undefined;
}

function canOpenUrl(meta: Readonly<Record<string, unknown>>): boolean {
  const elicitation = asRecord(asRecord(meta[ENVELOPE.clientCapabilities])['elicitation']);
  return elicitation['url'] !== undefined;
}
