import type { Secret } from './secret.ts';

/** What a request offers as proof. Exactly one kind counts; two different ones at once are an error. */
export type Credential =
  | { readonly kind: 'bearer'; readonly token: Secret }
  | { readonly kind: 'dpop'; readonly token: Secret; readonly proof: string }
  | { readonly kind: 'apiKey'; readonly key: Secret }
  | { readonly kind: 'session'; readonly id: Secret }
  | { readonly kind: 'clientCertificate'; readonly certificate: ClientCertificate }
  | { readonly kind: 'environment' };

export type CredentialKind = Credential['kind'];

/** A TLS client certificate as the listener saw it; verified against the CA by the TLS layer. */
export interface ClientCertificate {
  /** DER bytes. */
  readonly raw: Uint8Array;
  /** Whether the TLS layer accepted the chain. */
  readonly authorized: boolean;
}
