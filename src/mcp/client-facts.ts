import { createHash } from 'node:crypto';
import { toCanonicalJson } from './catalog.ts';
import { asRecord } from './message-facts.ts';
import { isObject, type JsonObject } from './server-product.ts';

/** What a client says of itself. Servers behind a bridge are told the same; it is the client's word. */
export interface ClientFacts {
  readonly capabilities: JsonObject;
  readonly info?: { readonly name: string; readonly version: string } | undefined;
}

const PROTOCOL_VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
const CLIENT_CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';
const CLIENT_INFO_KEY = 'io.modelcontextprotocol/clientInfo';

/** From a request of the 2026 era, each of which says so; undefined for every other message. */
export function readEnvelope(message: unknown): ClientFacts | undefined {
  const meta = asRecord(asRecord(asRecord(message)['params'])['_meta']);
  if (typeof meta[PROTOCOL_VERSION_KEY] !== 'string') return undefined;
  return toFacts(meta[CLIENT_CAPABILITIES_KEY], meta[CLIENT_INFO_KEY]);
}

/** From the `initialize` of the 2025 era; undefined for every other message. */
export function readInitialize(message: unknown): ClientFacts | undefined {
  const { method, params } = asRecord(message);
  if (method !== 'initialize') return undefined;
  const { capabilities, clientInfo } = asRecord(params);
  return toFacts(capabilities, clientInfo);
}

/** What a client that returns to a call sends with it (2026 era). */
export function readRequestState(message: unknown): string | undefined {
  const state = asRecord(asRecord(message)['params'])['requestState'];
  return typeof state === 'string' ? state : undefined;
}

/** Equal exactly for clients of which a server is told the same. */
export function fingerprintClient(client: ClientFacts | undefined): string {
  const told = toCanonicalJson([client?.capabilities ?? {}, client?.info ?? null]);
  return createHash('sha256').update(told, 'utf8').digest('base64url');
}

/** What the clients of each user said last, so that the gate asks its own questions of the servers that they have. */
export interface LastClients {
  get(owner: string): ClientFacts | undefined;
  set(owner: string, client: ClientFacts | undefined): void;
}

const MAX_REMEMBERED = 10_000;

export function createLastClients(): LastClients {
  const clients = new Map<string, ClientFacts>();
  return {
    get: (owner) => clients.get(owner),
    set(owner, client) {
      clients.delete(owner);
      if (client !== undefined) clients.set(owner, client);
      const [oldest] = clients.keys();
      if (clients.size > MAX_REMEMBERED && oldest !== undefined) clients.delete(oldest);
    },
  };
}

// Servers keep it as long as they live. Nobody has so much to declare.
const MAX_FACTS_CHARACTERS = 16_384;

function toFacts(declared: unknown, info: unknown): ClientFacts {
  // No task of a client is ever asked after through a bridge.
  const { tasks: _, ...capabilities } = isObject(declared) ? declared : {};
  const facts: ClientFacts = { capabilities, info: isImplementation(info) ? info : undefined };
  return JSON.stringify(facts).length > MAX_FACTS_CHARACTERS ? { capabilities: {} } : facts;
}

function isImplementation(value: unknown): value is NonNullable<ClientFacts['info']> {
  return isObject(value) && typeof value['name'] === 'string' && typeof value['version'] === 'string';
}
