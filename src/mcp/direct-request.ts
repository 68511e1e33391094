import { DirectRequest } from './direct-transport.ts';
import { ENVELOPE, MODERN_VERSION } from './envelope.ts';
import type { ServerSdk } from './sdk.ts';
import { isObject, isRequest, type JsonObject, type JsonRpcRequest } from './server-product.ts';
import type { Serving } from './serving.ts';

/** Methods that are answered with one message, and mean the same to a server whatever stands in front of it. */
const HOT: ReadonlySet<string> = new Set([
  'tools/call',
  'tools/list',
  'prompts/get',
  'prompts/list',
  'resources/read',
  'resources/list',
  'resources/templates/list',
]);
/** Which field of the body the header `Mcp-Name` repeats. */
const NAMED_BY: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
]);

/** Tells what can be served directly. Undefined for whatever is not plainly so: the SDK judges that. */
export type FindDirectRequest = (serving: Serving) => DirectRequest | undefined;

export function createDirectRequests(sdk: ServerSdk): FindDirectRequest {
  const isEnvelope = createEnvelopeCheck(sdk);
  const legacyVersions: ReadonlySet<string | null> = new Set([null, ...sdk.SUPPORTED_PROTOCOL_VERSIONS]);

  return (serving) => {
    const { request, exchange, parsedBody } = serving;
    if (request.method !== 'POST' || !isRequest(parsedBody) || !HOT.has(parsedBody.method)) return undefined;
    const { params } = parsedBody;
    // What returns to a waiting call has a place of its own to go to.
    if (params !== undefined && ('requestState' in params || 'inputResponses' in params)) return undefined;
    if (!exchange.verdicts.has(parsedBody.id)) return undefined;
    const meta = params?.['_meta'];
    const isModern = isObject(meta) && ENVELOPE.protocolVersion in meta;
    const { headers } = request;
    const isPlain = isModern
      ? saysTheSame(headers, parsedBody) && isEnvelope(meta, parsedBody)
      : legacyVersions.has(headers.get('mcp-protocol-version')) && acceptsEither(headers);
    return isPlain ? new DirectRequest(isModern ? 'modern' : 'legacy', parsedBody, serving) : undefined;
  };
}

/** SEP-2243: the headers repeat the body. In other spellings they may still be right, which is for the SDK to tell. */
function saysTheSame(headers: Headers, { method, params }: JsonRpcRequest): boolean {
  const field = NAMED_BY.get(method);
  return (
    headers.get('mcp-protocol-version') === MODERN_VERSION &&
    headers.get('mcp-method') === method &&
    (field === undefined || headers.get('mcp-name') === params?.[field])
  );
}

function acceptsEither(headers: Headers): boolean {
  const accept = headers.get('accept');
  return accept?.includes('application/json') === true && accept.includes('text/event-stream');
}

const MAX_REMEMBERED = 1_000;
const MAX_REMEMBERED_LENGTH = 4_096;

/** Judged by the SDK once: a client sends the same envelope with all its requests, but for the progress token. */
function createEnvelopeCheck(sdk: ServerSdk): (meta: JsonObject, body: JsonRpcRequest) => boolean {
  const known = new Set<string>();
  return (meta, body) => {
    if (meta[ENVELOPE.protocolVersion] !== MODERN_VERSION) return false;
    const { progressToken, ...lasting } = meta;
    const text = JSON.stringify([typeof progressToken, Number.isSafeInteger(progressToken), lasting]);
    if (known.has(text)) return true;
    if (sdk.classifyInboundRequest({ httpMethod: 'POST', body }).kind !== 'modern') return false;
    if (text.length > MAX_REMEMBERED_LENGTH) return true;
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.add(text);
    return true;
  };
}
