import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { MCPAuth } from 'mcp-auth';
import { createVerifier } from './verify.mjs';

export async function bearerAuth(told) {
  if (told.mode.includes('mcp-auth')) return mcpAuth(told);
  const verify = createVerifier(told, (message) => new InvalidTokenError(message));
  return requireBearerAuth({ verifier: { verifyAccessToken: verify }, requiredScopes: [told.scope] });
}

function mcpAuth({ issuer, jwksUri, resource, scope }) {
  // What the issuer of the benchmark does not publish, as it has nothing to do with verifying.
  const metadata = {
    issuer,
    jwksUri,
    authorizationEndpoint: `${issuer}/authorize`,
    tokenEndpoint: `${issuer}/token`,
    registrationEndpoint: `${issuer}/register`,
    responseTypesSupported: ['code'],
    grantTypesSupported: ['authorization_code'],
    codeChallengeMethodsSupported: ['S256'],
  };
  const auth = new MCPAuth({
    protectedResources: [
      {
        metadata: { resource, authorizationServers: [{ metadata, type: 'oauth' }], scopesSupported: [scope] },
      },
    ],
  });
  return auth.bearerAuth('jwt', { resource, audience: resource, requiredScopes: [scope] });
}
