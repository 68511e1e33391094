import { SERVER_INFO_KEY } from './envelope.ts';
import { isObject, type JsonObject } from './server-product.ts';

/** MCP 2026-07-28, Caching: these results say for how long and for whom they count. */
const CACHEABLE: ReadonlySet<string> = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);
/** Methods that may answer with more than a complete result. */
const MAY_DEMAND_INPUT: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** A result of the 2025 era in the words of the 2026 era, as the SDK puts it. @throws Error for what has none there */
export function toModernResult(method: string, result: JsonObject, serverInfo: JsonObject): JsonObject {
  const { resultType = 'complete' } = result;
  if (resultType !== 'complete' && !MAY_DEMAND_INPUT.has(method)) throw new Error('Internal error');
  const modern: Record<string, unknown> = { ...result, resultType };
  if (method === 'tools/list' && Array.isArray(modern['tools'])) {
    modern['tools'] = modern['tools'].map(withoutExecution);
  }
  if (resultType === 'complete' && CACHEABLE.has(method)) {
    const hint = findCacheHint(result);
    const { ttlMs, cacheScope } = modern;
    modern['ttlMs'] = [ttlMs, hint?.['ttlMs']].find(isTtl) ?? 0;
    modern['cacheScope'] = [cacheScope, hint?.['cacheScope']].find(isScope) ?? 'private';
  }
  const meta = modern['_meta'];
  if (meta === undefined) modern['_meta'] = { [SERVER_INFO_KEY]: serverInfo };
  else if (isObject(meta) && meta[SERVER_INFO_KEY] === undefined) {
    modern['_meta'] = { ...meta, [SERVER_INFO_KEY]: serverInfo };
  }
  return modern;
}

/** Tasks are no part of the 2026 era. */
function withoutExecution(tool: unknown): unknown {
  if (!isObject(tool) || !('execution' in tool)) return tool;
  const { execution: _, ...rest } = tool;
  return rest;
}

const CACHE_HINT = 'modelcontextprotocol.resultCacheHintFallback';

/** What a v2 server was configured with travels on its results, out of sight of JSON. */
function findCacheHint(result: JsonObject): JsonObject | undefined {
  const symbol = Object.getOwnPropertySymbols(result).find(({ description }) => description === CACHE_HINT);
  const hint: unknown = symbol === undefined ? undefined : Reflect.get(result, symbol);
  return isObject(hint) ? hint : undefined;
}

function isTtl(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isScope(value: unknown): boolean {
  return value === 'public' || value === 'private';
}
