import type { Clock } from '../core/clock.ts';
import { type Fetch, fetchJson, unavailable } from './json-fetch.ts';
import { findUrl, isLoopback, isTrustworthy } from './key-url.ts';

const MAX_METADATA_BYTES = 256 * 1024;
const MAX_AGE_MS = 3_600_000;

/** Tells where a key set is. */
export interface KeySetLocator {
  /** @throws MCPAuthError (AUTHENTICATION_UNAVAILABLE) when it cannot be told. */
  locate(signal: AbortSignal): Promise<string>;
  /** The place turned out to be no good: look again the next time. */
  forget(): void;
}

/** A place known from the start. */
export function fixedLocation(url: string): KeySetLocator {
  return { locate: () => Promise.resolve(url), forget: () => undefined };
}

export interface DiscoveryOptions {
  readonly issuer: string;
  readonly fetch: Fetch;
  readonly now: Clock;
}

/**
 * Finds the `jwks_uri` of an issuer in its own metadata, OAuth's first (RFC 8414), then OpenID's. The
 * answer is kept for an hour. Only a document whose `issuer` is exactly the one asked is believed.
 */
export function createDiscovery(options: DiscoveryOptions): KeySetLocator {
  let found: { readonly uri: string; readonly at: number } | undefined;
  return {
    locate: async (signal) => {
      if (found !== undefined && options.now() - found.at < MAX_AGE_MS) return found.uri;
      const uri = await discover(options, signal);
      found = { uri, at: options.now() };
      return uri;
    },
    forget: () => {
      found = undefined;
    },
  };
}

async function discover({ issuer, fetch }: DiscoveryOptions, signal: AbortSignal): Promise<string> {
  let failure: unknown;
  for (const url of metadataUrls(issuer)) {
    try {
      const document = await fetchJson(url, { fetch, signal, maxBytes: MAX_METADATA_BYTES });
      return parseJwksUri(document, issuer);
    } catch (error) {
      failure = error;
    }
  }
  throw unavailable('no usable metadata of the issuer', failure);
}

/** Where an issuer may publish its metadata, in the order of asking. */
export function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  // RFC 8414 §3.1 and OpenID Connect Discovery §4.1: a terminating "/" goes first.
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ];
}

function parseJwksUri(document: unknown, issuer: string): string {
  if (typeof document !== 'object' || document === null) throw unavailable('the metadata is no object');
  const { issuer: named, jwks_uri: uri } = document as Readonly<Record<string, unknown>>;
  // RFC 8414 §3.3: a document that names another issuer must not be used.
  if (named !== issuer) throw unavailable('the metadata names another issuer');
  const url = findUrl(uri);
  const allowed =
    url !== undefined && isTrustworthy(url) && (url.protocol === 'https:' || isLoopback(new URL(issuer)));
  if (!allowed) throw unavailable('the metadata has no usable jwks_uri');
  return url.href;
}
