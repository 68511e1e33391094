import type { Request, RequestHandler, Response } from 'express';
import { AUDIENCE, type TenantCore, TOKEN_SECONDS } from './local-tenant-core.ts';
import type { Codes } from './local-tenant-login.ts';
import { SCOPE, USERS, type User } from './users.ts';

/** The token endpoint: for a code a user's token, for the client itself one of the Management API. */
export function issueTokens(core: TenantCore, codes: Codes): RequestHandler {
  const { client, managementApi } = core;
  const machine = { sub: `${client.id}@clients`, aud: managementApi, azp: client.id, scope: 'read:users' };
  return async (request, response) => {
    const form = (request.body ?? {}) as Readonly<Record<string, unknown>>;
    const expiry = { token_type: 'Bearer', expires_in: TOKEN_SECONDS };
    response.set('cache-control', 'no-store');
    if (form['client_id'] !== client.id || form['client_secret'] !== client.secret) {
      response.status(401).json({ error: 'access_denied' });
      return;
    }
    if (form['grant_type'] === 'client_credentials' && form['audience'] === managementApi) {
      response.json({ access_token: await core.sign(machine), ...expiry });
      return;
    }
    const user = form['grant_type'] === 'authorization_code' ? codes.redeem(form) : undefined;
    if (user === undefined) response.status(403).json({ error: 'invalid_grant' });
    else response.json({ access_token: await core.accessToken(user), scope: SCOPE, ...expiry });
  };
}

/** OpenID Connect Core §5.3. */
export function showUserInfo(core: TenantCore): RequestHandler {
  return async (request, response) => {
    const claims = await core.readBearer(request, `${core.origin}/userinfo`);
    const user = USERS.find(({ id }) => id === claims?.sub);
    if (user === undefined) response.status(401).json({ error: 'invalid_token' });
    else response.json({ sub: user.id, name: user.name, email: user.email, email_verified: true });
  };
}

/** The Management API's `GET users/:id`. */
export function showUser(core: TenantCore): RequestHandler {
  return async (request, response) => {
    const user = await findUser(core, request, response);
    if (user === undefined) return;
    const { createdAt, email, id, name } = user;
    response.json({ user_id: id, email, name, email_verified: true, created_at: createdAt, identities: [] });
  };
}

/** The Management API's `GET users/:id/permissions`: those at every API of the tenant. */
export function showPermissions(core: TenantCore): RequestHandler {
  return async (request, response) => {
    const user = await findUser(core, request, response);
    if (user === undefined) return;
    response.json([
      ...user.permissions.map((name) => ({ permission_name: name, resource_server_identifier: AUDIENCE })),
      { permission_name: 'read:other', resource_server_identifier: 'https://another-api.example.com' },
    ]);
  };
}

/** Answers itself where it finds nobody. */
async function findUser(core: TenantCore, request: Request, response: Response): Promise<User | undefined> {
  const claims = await core.readBearer(request, core.managementApi);
  const scopes = String(claims?.['scope']).split(' ');
  const user = USERS.find(({ id }) => id === request.params['id']);
  if (claims === undefined) response.status(401).json({ error: 'Unauthorized' });
  else if (!scopes.includes('read:users')) response.status(403).json({ error: 'Forbidden' });
  else if (user === undefined) response.status(404).json({ error: 'Not Found' });
  else return user;
  return undefined;
}
