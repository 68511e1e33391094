import { createHash } from 'node:crypto';
import { TransportError } from '../core/errors.ts';
import type { InnerLink } from './inner-link.ts';
import type { MessageExtra } from './link-contract.ts';
import { isObject, type JsonObject } from './server-product.ts';

/** A tool as `tools/list` describes it. */
export interface ToolDefinition {
  readonly name: string;
  readonly [field: string]: unknown;
}

/** What tools there are. Frozen, and shared by all to whom the same tools are offered. */
export interface Catalog {
  readonly tools: readonly ToolDefinition[];
  /** SHA-256 in base64url of the tools as canonical JSON: equal exactly for equal lists. */
  readonly fingerprint: string;
  has(name: string): boolean;
  find(name: string): ToolDefinition | undefined;
}

export interface CatalogsOptions {
  /** How long a catalog counts without being asked for again. Default ten minutes. */
  readonly ttlMs?: number | undefined;
  /** Default 10000; the least recently used goes first. */
  readonly maxEntries?: number | undefined;
  readonly now: () => number;
}

/** The catalogs by caller. The key must tell apart everyone to whom different tools may be offered. */
export interface Catalogs {
  /** Loads at most once at a time per key. A failure is thrown to all who wait and not remembered. */
  get(key: string, load: () => Promise<readonly ToolDefinition[]>): Promise<Catalog>;
  /** What is known now, without loading. */
  peek(key: string): Catalog | undefined;
  /** The one used last among matching keys. */
  findLast(keyPredicate: (key: string) => boolean): Catalog | undefined;
  /** Forgets matching keys, or all; what is being loaded for them is not kept either. */
  invalidate(keyPredicate?: (key: string) => boolean): void;
}

interface Entry {
  readonly catalog: Catalog;
  readonly expiresAt: number;
}

// Long, for a list costs a server: a name that it lacks is asked for again at once, and what a server no longer has is
// refused by the server itself.
const TTL_MS = 600_000;

export function createCatalogs(options: CatalogsOptions): Catalogs {
  const { now, ttlMs = TTL_MS, maxEntries = 10_000 } = options;
  const interned = createInterning();
  // In the order of their last use.
  const entries = new Map<string, Entry>();
  const loading = new Map<string, Promise<Catalog>>();

  const forget = (key: string): void => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    interned.release(entry.catalog);
  };
  const keep = (key: string, loaded: Catalog): Catalog => {
    forget(key);
    const catalog = interned.retain(loaded);
    entries.set(key, { catalog, expiresAt: now() + ttlMs });
    const [oldest] = entries.keys();
    if (entries.size > maxEntries && oldest !== undefined) forget(oldest);
    return catalog;
  };
  const peek = (key: string): Catalog | undefined => {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (now() >= entry.expiresAt) {
      forget(key);
      return undefined;
    }
    entries.delete(key);
    entries.set(key, entry);
    return entry.catalog;
  };

  return {
    peek,
    async get(key, load) {
      const known = peek(key) ?? loading.get(key);
      if (known !== undefined) return known;
      // What was invalidated while it was loaded may tell of the time before, and is not kept.
      const mine: Promise<Catalog> = loadCatalog(load, interned.find).then((catalog) =>
        loading.get(key) === mine ? keep(key, catalog) : catalog,
      );
      loading.set(key, mine);
      try {
        return await mine;
      } finally {
        if (loading.get(key) === mine) loading.delete(key);
      }
    },
    findLast: (keyPredicate) => {
      const key = [...entries.keys()].findLast(keyPredicate);
      return key === undefined ? undefined : peek(key);
    },
    invalidate(keyPredicate = () => true) {
      for (const key of [...entries.keys()]) if (keyPredicate(key)) forget(key);
      for (const key of [...loading.keys()]) if (keyPredicate(key)) loading.delete(key);
    },
  };
}

/** Equal catalogs as one object, as long as some entry holds it. */
function createInterning() {
  const catalogs = new Map<string, { readonly catalog: Catalog; holders: number }>();
  return {
    find: (fingerprint: string): Catalog | undefined => catalogs.get(fingerprint)?.catalog,
    retain(catalog: Catalog): Catalog {
      const shared = catalogs.get(catalog.fingerprint) ?? { catalog, holders: 0 };
      shared.holders += 1;
      catalogs.set(catalog.fingerprint, shared);
      return shared.catalog;
    },
    release({ fingerprint }: Catalog): void {
      const shared = catalogs.get(fingerprint);
      if (shared === undefined) return;
      shared.holders -= 1;
      if (shared.holders === 0) catalogs.delete(fingerprint);
    },
  };
}

async function loadCatalog(
  load: () => Promise<readonly ToolDefinition[]>,
  find: (fingerprint: string) => Catalog | undefined,
): Promise<Catalog> {
  const text = toCanonicalJson(await load());
  const fingerprint = createHash('sha256').update(text, 'utf8').digest('base64url');
  return find(fingerprint) ?? toCatalog(text, fingerprint);
}

// Read back from text, so that nothing in it belongs to the server that listed it.
function toCatalog(text: string, fingerprint: string): Catalog {
  const tools = JSON.parse(text, (_key, value: unknown) => Object.freeze(value)) as readonly ToolDefinition[];
  const byName = new Map<string, ToolDefinition>();
  for (const tool of tools) if (!byName.has(tool.name)) byName.set(tool.name, tool);
  return Object.freeze({
    tools,
    fingerprint,
    has: (name: string) => byName.has(name),
    find: (name: string) => byName.get(name),
  });
}

/** JSON with the members of objects in the order of their names. */
export function toCanonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (!isObject(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([left], [right]) => (left < right ? -1 : 1)));
  });
}

export interface ListToolsOptions {
  /** For the whole list. Default 10 s. */
  readonly timeoutMs?: number | undefined;
  readonly extra?: MessageExtra | undefined;
  readonly signal?: AbortSignal | undefined;
}

const LIST_TIMEOUT_MS = 10_000;
const MAX_PAGES = 100;
const MAX_TOOLS = 5_000;

/**
 * All tools that a server lists, page by page; none for a server without tools.
 *
 * @throws TransportError (TRANSPORT_ERROR) for a list longer than 100 pages or 5000 tools or one that is no
 *   list of tools, and whatever the server answers as an RpcError.
 */
export async function listAllTools(
  link: Pick<InnerLink, 'capabilities' | 'request'>,
  options: ListToolsOptions = {},
): Promise<readonly ToolDefinition[]> {
  if (link.capabilities['tools'] === undefined) return [];
  const timeoutMs = options.timeoutMs ?? LIST_TIMEOUT_MS;
  const startedAt = performance.now();
  const tools: ToolDefinition[] = [];
  let cursor: unknown;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const result = await link.request('tools/list', cursor === undefined ? {} : { cursor }, {
      extra: options.extra,
      signal: options.signal,
      timeoutMs: Math.max(1, timeoutMs - (performance.now() - startedAt)),
    });
    tools.push(...parseTools(result));
    if (tools.length > MAX_TOOLS) break;
    cursor = result['nextCursor'];
    if (cursor === undefined) return tools;
  }
  throw new TransportError('The server lists too many tools', {
    detail: `more than ${MAX_PAGES} pages or ${MAX_TOOLS} tools`,
  });
}

function parseTools({ tools }: JsonObject): readonly ToolDefinition[] {
  if (!Array.isArray(tools) || !tools.every(isTool)) {
    throw new TransportError('The server did not list its tools correctly');
  }
  return tools;
}

function isTool(value: unknown): value is ToolDefinition {
  return isObject(value) && typeof value['name'] === 'string';
}
