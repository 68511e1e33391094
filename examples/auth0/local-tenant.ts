import { randomBytes } from 'node:crypto';
import express, { type Express, type RequestHandler } from 'express';
import { createLocalIssuer, type LocalIssuer } from 'mcp-gatehouse/testing';
import { serve } from '../auth-token/parts/serve.ts';
import { issueTokens, showPermissions, showUser, showUserInfo } from './local-tenant-api.ts';
import { AUDIENCE, createTenantCore, type TenantCore } from './local-tenant-core.ts';
import { authorize, createCodes } from './local-tenant-login.ts';
import { USERS } from './users.ts';

/** A tenant on this machine that behaves as one of Auth0 does, as far as this story goes. */
export interface LocalTenant {
  /** What the app reads. */
  readonly env: Readonly<
    Record<'AUTH0_DOMAIN' | 'AUTH0_AUDIENCE' | 'AUTH0_CLIENT_ID' | 'AUTH0_CLIENT_SECRET', string>
  >;
  readonly issuer: string;
  /** Signs anything in the tenant's name, `iss` included where it is not given. For tests. */
  readonly sign: LocalIssuer['sign'];
  /** An access token for the API, of a user known by their e-mail address. */
  token(email: string): Promise<string>;
  close(): Promise<void>;
}

export async function createLocalTenant({ port = 0 }: { readonly port?: number } = {}): Promise<LocalTenant> {
  const issuer = await createLocalIssuer({ algorithm: 'RS256' });
  const client = { id: randomBytes(12).toString('hex'), secret: randomBytes(32).toString('base64url') };
  const app = express();
  const { close, url } = await serve(() => app, { port });
  const core = createTenantCore({ client, issuer, origin: url });
  addRoutes(app, core, issuer.jwksUri);
  return {
    env: {
      AUTH0_DOMAIN: url,
      AUTH0_AUDIENCE: AUDIENCE,
      AUTH0_CLIENT_ID: client.id,
      AUTH0_CLIENT_SECRET: client.secret,
    },
    issuer: `${url}/`,
    sign: core.sign,
    token(email) {
      const user = USERS.find((candidate) => candidate.email === email);
      if (user === undefined) throw new Error(`The tenant knows no ${email}`);
      return core.accessToken(user);
    },
    async close() {
      await close();
      await issuer.close();
    },
  };
}

function addRoutes(app: Express, core: TenantCore, jwksUri: string): void {
  const { client, origin } = core;
  const codes = createCodes();
  app.disable('x-powered-by');
  app.get('/.well-known/openid-configuration', (_request, response) => {
    response.json({
      issuer: `${origin}/`,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/oauth/token`,
      userinfo_endpoint: `${origin}/userinfo`,
      jwks_uri: `${origin}/.well-known/jwks.json`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
    });
  });
  app.get('/.well-known/jwks.json', showKeys(jwksUri));
  app.get('/authorize', (request, response) => {
    authorize(request, response, { clientId: client.id, codes, origin });
  });
  app.post('/oauth/token', express.urlencoded({ extended: false }), issueTokens(core, codes));
  app.get('/userinfo', showUserInfo(core));
  app.get('/api/v2/users/:id', showUser(core));
  app.get('/api/v2/users/:id/permissions', showPermissions(core));
}

/** Where Auth0 has its keys; the issuer has them elsewhere. */
function showKeys(jwksUri: string): RequestHandler {
  return async (_request, response) => {
    const keys = await fetch(jwksUri);
    response.json(await keys.json());
  };
}
