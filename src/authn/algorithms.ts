import type { KeyObject } from 'node:crypto';

/** Signatures made with a shared secret (RFC 7518 §3.2). */
export const HMAC_ALGORITHMS: readonly string[] = ['HS256', 'HS384', 'HS512'];

const RSA_ALGORITHMS: readonly string[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const EDWARDS_ALGORITHMS: readonly string[] = ['EdDSA', 'Ed25519'];

const CURVES: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
};

/** Signatures made with a private key. Disjoint from {@link HMAC_ALGORITHMS}, which closes alg confusion. */
export const ASYMMETRIC_ALGORITHMS: readonly string[] = [
  ...RSA_ALGORITHMS,
  ...Object.values(CURVES).flat(),
  ...EDWARDS_ALGORITHMS,
];

/** The algorithms whose signatures a public key can verify; empty for a key that is too weak or of no use. */
export function algorithmsOfKey(key: KeyObject): readonly string[] {
  const { asymmetricKeyDetails: details, asymmetricKeyType: type } = key;
  if (type === 'rsa') {
    const isUsable = isModulusUsable(details?.modulusLength) && isExponentUsable(details?.publicExponent);
    return isUsable ? RSA_ALGORITHMS : [];
  }
  if (type === 'ec') return CURVES[details?.namedCurve ?? ''] ?? [];
  return type === 'ed25519' ? EDWARDS_ALGORITHMS : [];
}

/** Whether a key declared for one algorithm may verify another; the two names of Ed25519 are one algorithm. */
export function isSameAlgorithm(declared: string, used: string): boolean {
  return declared === used || (EDWARDS_ALGORITHMS.includes(declared) && EDWARDS_ALGORITHMS.includes(used));
}

// RFC 7518 §3.3: 2048 bits or more; the upper bound keeps one verification cheap.
function isModulusUsable(bits: number | undefined): boolean {
  return bits !== undefined && bits >= 2048 && bits <= 8192;
}

// RFC 8017 §3.1: odd, from 3. With 1 the signature is the padded hash itself, which anyone can write.
function isExponentUsable(exponent: bigint | undefined): boolean {
  return exponent !== undefined && exponent >= 3n && exponent % 2n === 1n;
}
