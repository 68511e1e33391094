import { createPublicKey } from 'node:crypto';
import { algorithmsOfKey, isSameAlgorithm } from './algorithms.ts';
import { unavailable } from './json-fetch.ts';
import { type KeyHint, keyId, type VerificationKey } from './key-source.ts';

const MAX_KEYS = 100;
/** One token costs no more signature checks than this, whatever the set looks like. */
const MAX_CANDIDATES = 5;

/**
 * Reads a JWK Set (RFC 7517 §5). Keys of no use here are passed over: symmetric and private ones, those
 * for encryption, and those of unknown types.
 *
 * @throws MCPAuthError (AUTHENTICATION_UNAVAILABLE) for a document that is no key set or too long.
 */
export function parseKeySet(document: unknown): readonly VerificationKey[] {
  const keys = isRecord(document) ? document.keys : undefined;
  if (!Array.isArray(keys)) throw unavailable('the document is no key set');
  if (keys.length > MAX_KEYS) throw unavailable(`the key set has more than ${MAX_KEYS} keys`);
  return keys.map(findVerificationKey).filter((key) => key !== undefined);
}

/** The key of a public JWK, limited to the algorithm it declares; `undefined` when it is of no use here. */
export function findVerificationKey(jwk: unknown): VerificationKey | undefined {
  if (!isRecord(jwk) || !isForSignatures(jwk)) return undefined;
  try {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    const declared = jwk.alg;
    const algorithms = algorithmsOfKey(key).filter(
      (alg) => declared === undefined || (typeof declared === 'string' && isSameAlgorithm(declared, alg)),
    );
    const kid = typeof jwk.kid === 'string' ? jwk.kid : undefined;
    return algorithms.length === 0 ? undefined : { id: keyId(key), kid, algorithms, key };
  } catch {
    // RFC 7517 §5: a key that cannot be read does not spoil the set.
    return undefined;
  }
}

// RFC 7517 §4.2 and §4.3. A published private key vouches for nobody.
function isForSignatures(jwk: Readonly<Record<string, unknown>>): boolean {
  if (jwk.kty === 'oct' || Object.hasOwn(jwk, 'k') || Object.hasOwn(jwk, 'd')) return false;
  const operations = jwk.key_ops;
  const mayVerify = operations === undefined || (Array.isArray(operations) && operations.includes('verify'));
  return mayVerify && (jwk.use === undefined || jwk.use === 'sig');
}

/** The keys that may have made a signature; without a `kid`, all that fit the algorithm. */
export function selectKeys(keys: readonly VerificationKey[], hint: KeyHint): readonly VerificationKey[] {
  const fitting = keys.filter(
    (key) => key.algorithms.includes(hint.alg) && (hint.kid === undefined || key.kid === hint.kid),
  );
  return fitting.slice(0, MAX_CANDIDATES);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
