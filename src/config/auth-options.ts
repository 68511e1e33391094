export type AuthConfig = JwtConfig | EnvironmentConfig;

/**
 * Bearer tokens signed by an issuer. Keys come from exactly one of `secret`, `publicKey`, `jwksUri` or, with
 * `issuer` alone, the issuer's metadata.
 */
export interface JwtConfig {
  readonly type: 'jwt';
  /**
   * Exact value of `iss`. Required except with `secret`: without it any `iss` is taken, so whoever holds the
   * secret must sign for one issuer only, else the same subject may be two people.
   */
  readonly issuer?: string | undefined;
  /** Values of `aud` that count; default the resource of the server asked for. */
  readonly audience?: string | readonly string[] | undefined;
  readonly jwksUri?: string | undefined;
  /** PEM public key or certificate, or a JWK as JSON. */
  readonly publicKey?: string | undefined;
  /** Shared secret for HS256, HS384 or HS512, at least 32 bytes. */
  readonly secret?: string | undefined;
  readonly algorithms?: readonly JwtAlgorithm[] | undefined;
  /** Default 10. */
  readonly clockToleranceSeconds?: number | undefined;
  /** Which `typ` is taken: `at+jwt` (RFC 9068), `jwt` (JWT or none), or `any` (default) of these. */
  readonly profile?: JwtProfile | undefined;
  readonly claims?: JwtClaimNames | undefined;
  /** Whether the token carries upstream tokens, for credentials of type `jwt`. */
  readonly extractTokens?: boolean | undefined;
  /** Default `tokens`. */
  readonly tokensClaim?: string | undefined;
  /** Client ids of ours at the issuer: a token whose audience is one of them is an ID token and refused. */
  readonly clientIds?: readonly string[] | undefined;
}

export type JwtAlgorithm =
  | 'HS256'
  | 'HS384'
  | 'HS512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519';

export type JwtProfile = 'at+jwt' | 'jwt' | 'any';

/** Names of the claims that hold each part of a principal. */
export interface JwtClaimNames {
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  readonly scopes?: string | undefined;
  readonly roles?: string | undefined;
  readonly groups?: string | undefined;
  readonly permissions?: string | undefined;
}

/** Signs in whoever reaches the gate as the user the environment names: stdio only. */
export interface EnvironmentConfig {
  readonly type: 'environment';
  /** Default `MCP_USER_ID`. */
  readonly userIdEnvVar?: string | undefined;
  readonly defaultUserId?: string | undefined;
  readonly requireUserId?: boolean | undefined;
  /** Serves this over HTTP on loopback too: everybody on this machine then is that user. */
  readonly dangerouslyAllowEnvOverHttp?: boolean | undefined;
}
