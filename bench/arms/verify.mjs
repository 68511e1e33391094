import { createRemoteJWKSet, jwtVerify } from 'jose';

/** Verifies each token anew, as the documentation of the peers shows; keys are fetched once. */
export function createVerifier({ issuer, jwksUri, resource }, toError) {
  const keys = createRemoteJWKSet(new URL(jwksUri));
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, { issuer, audience: resource, algorithms: ['RS256'] });
      return {
        token,
        clientId: payload.client_id,
        scopes: payload.scope?.split(' ') ?? [],
        expiresAt: payload.exp,
        extra: { subject: payload.sub },
      };
    } catch {
      throw toError('The token is not valid');
    }
  };
}
