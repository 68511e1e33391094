import type { Request } from 'express';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import type { LocalIssuer } from 'mcp-gatehouse/testing';
import { SCOPE, type User } from './users.ts';

/** The API that this tenant gives tokens for. */
export const AUDIENCE = 'https://your-api.example.com';
export const TOKEN_SECONDS = 3600;

export interface TenantClient {
  readonly id: string;
  readonly secret: string;
}

/** Signs and checks tokens as a tenant of Auth0 does. */
export interface TenantCore {
  readonly origin: string;
  readonly client: TenantClient;
  /** Audience of the Management API. */
  readonly managementApi: string;
  readonly sign: LocalIssuer['sign'];
  /** For the API, and for asking the tenant who the user is. */
  accessToken(user: User): Promise<string>;
  /** The claims of the request's token; undefined where it does not hold for `audience`. */
  readBearer(request: Request, audience: string): Promise<JWTPayload | undefined>;
}

export interface TenantParts {
  readonly client: TenantClient;
  /** Has the keys. */
  readonly issuer: LocalIssuer;
  readonly origin: string;
}

export function createTenantCore({ client, issuer, origin }: TenantParts): TenantCore {
  // Auth0's issuers end with a slash.
  const iss = `${origin}/`;
  const keys = createRemoteJWKSet(new URL(issuer.jwksUri));
  const sign: LocalIssuer['sign'] = (claims, options) =>
    issuer.sign({ iss, ...claims }, { typ: 'JWT', expiresInSeconds: TOKEN_SECONDS, ...options });
  return {
    origin,
    client,
    managementApi: `${origin}/api/v2/`,
    sign,
    accessToken: ({ id, permissions }) =>
      sign({ sub: id, aud: [AUDIENCE, `${origin}/userinfo`], azp: client.id, scope: SCOPE, permissions }),
    readBearer(request, audience) {
      const token = request.get('authorization')?.replace(/^Bearer /, '') ?? '';
      return jwtVerify(token, keys, { issuer: iss, audience }).then(
        ({ payload }) => payload,
        () => undefined,
      );
    },
  };
}
