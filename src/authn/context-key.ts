import { createHash } from 'node:crypto';
import type { Credential } from '../core/credential.ts';
import type { RequestContext } from '../core/request-context.ts';

// They differ from request to request and say nothing of who asks.
const TRANSPORT_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'connection',
  'content-length',
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'traceparent',
  'tracestate',
  'transfer-encoding',
  'user-agent',
  'x-request-id',
]);

/**
 * A key that two requests share only if they brought the same credential and differ in nothing that could
 * decide who is asking or where: every other header, the resource, the address, the certificate.
 * `undefined` for a request without a credential, and for one whose metadata holds anything but plain JSON
 * values: what JSON leaves out (members of a map, a secret) could tell two users apart. Holds no secret.
 */
export function findContextKey(context: RequestContext): string | undefined {
  const credential = findCredentialKey(context);
  if (credential === undefined) return undefined;
  const { clientCertificate, host, metadata, path, query, remoteAddress, resource, transport } = context;
  const certificate = clientCertificate === undefined ? null : sha256(clientCertificate.raw);
  const headers = Object.entries(context.headers ?? {})
    .filter(([name, value]) => value !== undefined && !TRANSPORT_HEADERS.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const place = { transport, resource, host, path, query, remoteAddress, metadata };
  try {
    if (metadata !== undefined && !isPlainJson(metadata)) return undefined;
    return sha256(JSON.stringify([credential, certificate, clientCertificate?.authorized, headers, place]));
  } catch {
    // Metadata that cannot be written down cannot be compared either.
    return undefined;
  }
}

function isPlainJson(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isList = Array.isArray(value);
  if (prototype !== null && prototype !== (isList ? Array.prototype : Object.prototype)) return false;
  // Neither holes nor symbols nor hidden members; `length` of a list is its only one that is not listed.
  const keys = Object.keys(value);
  if (Reflect.ownKeys(value).length !== keys.length + (isList ? 1 : 0)) return false;
  if (isList && keys.length !== value.length) return false;
  return Object.values(value).every(isPlainJson);
}

function findCredentialKey({ credential, headers }: RequestContext): string | undefined {
  if (credential !== undefined) return fingerprintOf(credential);
  const header = headers?.authorization;
  return header === undefined ? undefined : sha256(JSON.stringify(['authorization', header]));
}

function fingerprintOf(credential: Credential): string | undefined {
  const { kind } = credential;
  // A proof is for one request; the environment is no credential of a request.
  if (kind === 'dpop' || kind === 'environment') return undefined;
  if (kind === 'bearer') return `${kind}:${credential.token.fingerprint()}`;
  if (kind === 'apiKey') return `${kind}:${credential.key.fingerprint()}`;
  if (kind === 'session') return `${kind}:${credential.id.fingerprint()}`;
  return `${kind}:${sha256(credential.certificate.raw)}`;
}

/** SHA-256 in base64url. */
export function sha256(value: string | Uint8Array): string {
  return createHash('sha256').update(value).digest('base64url');
}
