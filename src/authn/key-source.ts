import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { algorithmsOfKey, HMAC_ALGORITHMS } from './algorithms.ts';

/** A key that signatures are checked with. */
export interface VerificationKey {
  /** Tells keys apart by what they are, not by what they are called. */
  readonly id: string;
  readonly kid?: string | undefined;
  readonly algorithms: readonly string[];
  readonly key: KeyObject | Uint8Array;
}

/** What a token's header says about the key that signed it: a hint, never a proof. */
export interface KeyHint {
  readonly alg: string;
  readonly kid?: string | undefined;
}

/** Where the keys of one issuer come from. */
export interface KeySource {
  /**
   * The keys that may have signed; empty when there is none.
   * @throws MCPAuthError (AUTHENTICATION_UNAVAILABLE) when that cannot be told.
   */
  find(hint: KeyHint): Promise<readonly VerificationKey[]>;
  /** Whether signatures of the key with this {@link VerificationKey.id} still count. */
  isCurrent(keyId: string): boolean;
  close(): void;
}

/** One key that never changes, whatever `kid` a token names. */
export function staticKeySource(key: VerificationKey): KeySource {
  return {
    find: (hint) => Promise.resolve(key.algorithms.includes(hint.alg) ? [key] : []),
    isCurrent: (id) => id === key.id,
    close: () => undefined,
  };
}

export function secretKey(secret: string): VerificationKey {
  return { id: 'secret', algorithms: HMAC_ALGORITHMS, key: new TextEncoder().encode(secret) };
}

export function publicVerificationKey(key: KeyObject): VerificationKey {
  return { id: keyId(key), algorithms: algorithmsOfKey(key), key };
}

/** SHA-256 of the SubjectPublicKeyInfo. */
export function keyId(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

/**
 * Reads a public key from PEM: SubjectPublicKeyInfo or an X.509 certificate. Of a certificate only the key
 * counts; neither its chain nor its validity is checked.
 *
 * @throws Error when it is something else, a private key above all.
 */
export function parsePublicKey(pem: string): KeyObject {
  const text = pem.trim();
  if (text.startsWith('-----BEGIN CERTIFICATE-----')) return new X509Certificate(text).publicKey;
  // Node would derive a public key from a private one, which has no place in this configuration.
  if (text.startsWith('-----BEGIN PUBLIC KEY-----')) return createPublicKey(text);
  throw new TypeError('not a public key');
}
