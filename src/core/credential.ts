import type { Secret } from './secret.ts';

/** What a request offers as proof. Exactly one kind counts; two different ones at once are an error. */
export type Credential =
  | { readonly kind: 'bearer'; readonly token: Secret }
  | { readonly kind: 'dpop'; readonly token: Secret; readonly proof: string }
  | { readonly kind: 'apiKey'; readonly key: Secret }
  | { readonly kind: 'session'; readonly id: Secret }
  | { readonly kind: 'clientCertificate'; readonly certificate: ClientCertificate }
  | { readonly kind: 'environment' };

/** SHA-256 of the token, key or session id, in base64url; undefined where a credential holds no such secret. */
export function fingerprintOf(credential: Credential): string | undefined {
  switch (credential.kind) {
    case 'bearer':
    case 'dpop':
      return credential.token.fingerprint();
    case 'apiKey':
      return credential.key.fingerprint();
    case 'session':
      return credential.id.fingerprint();
    default:
      return undefined;
  }
}

/** A TLS client certificate as the listener saw it; verified against the CA by the TLS layer. */
export interface ClientCertificate {
  /** DER bytes. */
  readonly raw: Uint8Array;
  /** Whether the TLS layer accepted the chain. */
  readonly authorized: boolean;
}
