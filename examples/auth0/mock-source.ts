import { Router } from 'express';
import type { AttemptLimit } from '../auth-token/parts/attempt-limit.ts';
import type { Audit } from '../auth-token/parts/audit.ts';
import { textField } from '../auth-token/parts/secrets.ts';
import type { Access, IdentitySource } from './identity-source.ts';
import { findByPassword, findByToken, SCOPE, USERS } from './users.ts';

const EXPIRES_IN = 3600;

export interface SignInParts {
  readonly limit: AttemptLimit;
  readonly audit: Audit;
}

/** The table in place of a tenant, for trying the app out. It is never consulted when there is a tenant. */
export function createMockSource(parts: SignInParts): IdentitySource {
  return {
    about: { mode: 'mock', domain: 'your-tenant.auth0.com', audience: 'https://your-api.example.com' },
    signIn: createSignIn(parts),
    verify: (token) => Promise.resolve(findAccess(token)),
    withProfile: (access) => Promise.resolve(access),
    findUser: (id) => {
      const user = USERS.find((candidate) => candidate.id === id);
      if (user === undefined) return Promise.resolve(undefined);
      const { createdAt, email, name, permissions } = user;
      return Promise.resolve({ user_id: id, email, name, permissions, created_at: createdAt });
    },
  };
}

function findAccess(token: string): Access | undefined {
  const user = findByToken(token);
  if (user === undefined) return undefined;
  const { email, id, name, permissions } = user;
  return { token, subject: id, email, isEmailVerified: true, name, permissions, scopes: SCOPE.split(' ') };
}

function createSignIn({ limit, audit }: SignInParts): Router {
  const router = Router();
  router.post('/login', (request, response) => {
    if (limit.refuses(request, response)) {
      audit(request, { action: 'login', outcome: 'refused', reason: 'Too many attempts' });
      return;
    }
    const user = findByPassword(
      textField(request.body, 'email') ?? '',
      textField(request.body, 'password') ?? '',
    );
    if (user === undefined) {
      audit(request, { action: 'login', outcome: 'refused', reason: 'Invalid credentials' });
      response.status(401).json({ error: 'Invalid credentials', message: 'Authentication failed' });
      return;
    }
    limit.forgive(request);
    audit(request, { action: 'login', outcome: 'ok', user: user.id });
    response.set('cache-control', 'no-store').json({
      access_token: user.token,
      token_type: 'Bearer',
      expires_in: EXPIRES_IN,
      user: { sub: user.id, email: user.email, name: user.name },
    });
  });
  return router;
}
