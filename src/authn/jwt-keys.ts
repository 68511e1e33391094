import { type Clock, systemClock } from '../core/clock.ts';
import { ASYMMETRIC_ALGORITHMS } from './algorithms.ts';
import { createDiscovery } from './discovery.ts';
import type { Fetch } from './json-fetch.ts';
import { findVerificationKey } from './jwk-set.ts';
import { createRemoteKeySet } from './jwks.ts';
import {
  type KeySource,
  parsePublicKey,
  publicVerificationKey,
  secretKey,
  staticKeySource,
  type VerificationKey,
} from './key-source.ts';
import { findUrl, isDiscoverableIssuer, isTrustworthy } from './key-url.ts';

/**
 * Where the keys of an issuer come from, exactly one of: `jwtSecret`, `jwksUri`, `publicKey`, or `issuer`
 * alone, whose metadata then leads to its keys. A source that is named but has no value (an environment
 * variable that is not set) is an error, never a reason to use another one.
 */
export interface KeyOptions {
  /** At least 32 bytes of UTF-8. */
  readonly jwtSecret?: string | undefined;
  /** https, or http on loopback. */
  readonly jwksUri?: string | undefined;
  /** PEM (public key or certificate) or a JWK, as an object or as JSON. */
  readonly publicKey?: string | Readonly<Record<string, unknown>> | undefined;
  /** Compared exactly. Required with every key source but `jwtSecret`. */
  readonly issuer?: string | undefined;
  readonly now?: Clock | undefined;
  readonly fetch?: Fetch | undefined;
}

const MIN_SECRET_BYTES = 32;

/** A key source whose options hold, not yet opened. */
export interface ResolvedKeys {
  readonly kind: 'secret' | 'asymmetric';
  readonly algorithms: readonly string[];
  readonly create: () => KeySource & { warm?(): Promise<void> };
}

const SOURCES = ['jwtSecret', 'jwksUri', 'publicKey'] as const;

/** Adds what is wrong to `problems`; `undefined` when it is not even clear which key source is meant. */
export function resolveKeys(options: KeyOptions, problems: string[]): ResolvedKeys | undefined {
  const given = SOURCES.filter((name) => options[name] !== undefined && options[name] !== '');
  const empty = SOURCES.filter((name) => Object.hasOwn(options, name) && !given.includes(name));
  if (given.length > 1) {
    problems.push(`only one of ${given.join(', ')} may be given`);
    return undefined;
  }
  if (given.length === 0 && empty.length > 0) {
    problems.push(`${empty.join(', ')} has no value`);
    return undefined;
  }
  const [source] = given;
  if (source !== 'jwtSecret' && (options.issuer === undefined || options.issuer === '')) {
    problems.push(
      source === undefined
        ? 'a jwtSecret, jwksUri, publicKey or issuer is required'
        : `issuer is required with ${source}`,
    );
  }
  if (source === undefined) return discoveredKeys(options, problems);
  if (source === 'jwtSecret') return secretKeys(options.jwtSecret, problems);
  if (source === 'jwksUri') return remoteKeys(options, problems);
  return publicKeys(options.publicKey ?? '', problems);
}

function secretKeys(secret: unknown, problems: string[]): ResolvedKeys | undefined {
  if (typeof secret !== 'string') {
    problems.push('jwtSecret must be a string');
    return undefined;
  }
  // RFC 8725 §3.1: whoever has a public key could sign with it, were it taken for a shared secret.
  if (secret.includes('-----BEGIN')) {
    problems.push('jwtSecret is a PEM key: give a public key as publicKey');
    return undefined;
  }
  // The text of a reference is in the configuration, for everyone to read.
  if (/\$\{(?:env|file):/.test(secret)) {
    problems.push('jwtSecret holds an unresolved ${env:...} or ${file:...}: give the value it stands for');
    return undefined;
  }
  // RFC 7518 §3.2: the key is as long as the hash of HS256, at least.
  if (new TextEncoder().encode(secret).length < MIN_SECRET_BYTES) {
    problems.push(`jwtSecret must have at least ${MIN_SECRET_BYTES} bytes`);
  }
  return fixedKeys('secret', secretKey(secret));
}

type PublicKeyInput = NonNullable<KeyOptions['publicKey']>;

function publicKeys(input: PublicKeyInput, problems: string[]): ResolvedKeys | undefined {
  const key = findPublicKey(input);
  if (key !== undefined && key.algorithms.length > 0) return fixedKeys('asymmetric', key);
  problems.push(
    'publicKey must be a PEM public key, a PEM certificate or a public JWK: ' +
      'RSA (2048 to 8192 bits), EC (P-256, P-384, P-521) or Ed25519',
  );
  return undefined;
}

function findPublicKey(input: PublicKeyInput): VerificationKey | undefined {
  try {
    if (typeof input !== 'string') return findVerificationKey(input);
    const text = input.trim();
    return text.startsWith('{')
      ? findVerificationKey(JSON.parse(text))
      : publicVerificationKey(parsePublicKey(text));
  } catch {
    return undefined;
  }
}

function fixedKeys(kind: ResolvedKeys['kind'], key: VerificationKey): ResolvedKeys {
  return { kind, algorithms: key.algorithms, create: () => staticKeySource(key) };
}

function remoteKeys({ jwksUri, fetch, now }: KeyOptions, problems: string[]): ResolvedKeys {
  const url = findUrl(jwksUri);
  if (url === undefined || !isTrustworthy(url))
    problems.push('jwksUri must be an https URL (http on loopback only)');
  return {
    kind: 'asymmetric',
    algorithms: ASYMMETRIC_ALGORITHMS,
    create: () => createRemoteKeySet({ url: url?.href ?? '', fetch, now }),
  };
}

function discoveredKeys({ issuer = '', fetch, now }: KeyOptions, problems: string[]): ResolvedKeys {
  if (issuer !== '' && !isDiscoverableIssuer(issuer)) {
    problems.push(
      'issuer must be an https URL without query (http on loopback only) when nothing else tells its keys',
    );
  }
  const locator = () =>
    createDiscovery({ issuer, fetch: fetch ?? globalThis.fetch, now: now ?? systemClock });
  return {
    kind: 'asymmetric',
    algorithms: ASYMMETRIC_ALGORITHMS,
    create: () => createRemoteKeySet({ url: locator(), fetch, now }),
  };
}
