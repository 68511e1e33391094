import { hash } from 'node:crypto';
import type { Caller } from '../core/admission.ts';
import { toCanonicalJson } from './catalog.ts';
import { ENVELOPE } from './envelope.ts';
import { asRecord } from './message-facts.ts';
import { isObject, type JsonObject } from './server-product.ts';

/** What a client says of itself. Servers behind a bridge are told the same; it is the client's word. */
export interface ClientFacts {
  readonly capabilities: JsonObject;
  readonly info?: { readonly name: string; readonly version: string } | undefined;
}

/** From a request of the 2026 era, each of which says so; undefined for every other message. */
export function readEnvelope(message: unknown): ClientFacts | undefined {
  const meta = asRecord(asRecord(asRecord(message)['params'])['_meta']);
  if (typeof meta[ENVELOPE.protocolVersion] !== 'string') return undefined;
  return toFacts(meta[ENVELOPE.clientCapabilities], meta[ENVELOPE.clientInfo]);
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
  const facts = client ?? UNKNOWN;
  const known = fingerprints.get(facts);
  if (known !== undefined) return known;
  const found = hash('sha256', toCanonicalJson([facts.capabilities, facts.info ?? null]), 'base64url');
  fingerprints.set(facts, found);
  return found;
}

const UNKNOWN: ClientFacts = Object.freeze({ capabilities: Object.freeze({}) });
const fingerprints = new WeakMap<ClientFacts, string>();

const factsOf = new WeakMap<Caller, ClientFacts>();

/** Remembers what the client of a caller says, for the gate's own questions on the caller's behalf. */
export function noteClient(caller: Caller, client: ClientFacts | undefined): void {
  if (client !== undefined) factsOf.set(caller, client);
}

/** So that the gate asks its own questions of a server that the caller's requests can use too. */
export function findClient(caller: Caller): ClientFacts | undefined {
  return factsOf.get(caller);
}

// Servers keep it as long as they live. Nobody has so much to declare.
const MAX_FACTS_CHARACTERS = 16_384;

function toFacts(declared: unknown, info: unknown): ClientFacts {
  // No task of a client is ever asked after through a bridge.
  const { tasks: _, ...capabilities } = isObject(declared) ? declared : {};
  const text = JSON.stringify({ capabilities, info: isImplementation(info) ? info : undefined });
  return text.length > MAX_FACTS_CHARACTERS ? UNKNOWN : remember(text);
}

// There are few kinds of clients, and what they say of themselves is spelled the same each time.
const remembered = new Map<string, ClientFacts>();
const MAX_REMEMBERED = 1_000;
const MAX_REMEMBERED_LENGTH = 4_096;

/** Read back from text, so that nothing in it belongs to one request. */
function remember(text: string): ClientFacts {
  const same = remembered.get(text);
  if (same !== undefined) return same;
  const facts = JSON.parse(text, (_key, value: unknown) => Object.freeze(value)) as ClientFacts;
  if (text.length > MAX_REMEMBERED_LENGTH) return facts;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(text, facts);
  return facts;
}

function isImplementation(value: unknown): value is NonNullable<ClientFacts['info']> {
  return isObject(value) && typeof value['name'] === 'string' && typeof value['version'] === 'string';
}
