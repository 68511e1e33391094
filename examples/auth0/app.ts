import { randomBytes } from 'node:crypto';
import express, { type Express, type RequestHandler, Router } from 'express';
import { createAttemptLimit } from '../auth-token/parts/attempt-limit.ts';
import { createAudit } from '../auth-token/parts/audit.ts';
import { answerError } from '../auth-token/parts/errors.ts';
import { textField } from '../auth-token/parts/secrets.ts';
import {
  accessOf,
  answerUnavailable,
  refuseClaim,
  requirePermission,
  requireScope,
  requireToken,
} from './access.ts';
import type { IdentitySource } from './identity-source.ts';
import { createMockSource } from './mock-source.ts';
import { readTenantConfig } from './tenant-config.ts';
import { createTenantSource } from './tenant-source.ts';
import { USERS } from './users.ts';

export interface AppOptions {
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  /** `AUTH0_DOMAIN`, `AUTH0_AUDIENCE`, `AUTH0_CLIENT_ID`, `AUTH0_CLIENT_SECRET`: without any, the mock table. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** What browsers call this app, without a slash at its end. The tenant sends them back to `/auth/callback` of it. */
  readonly publicUrl?: string | undefined;
  /** Gets one line for each attempt to be let in; by default standard error does. */
  readonly audit?: ((line: string) => void) | undefined;
}

/**
 * An Express app that knows nothing of MCP, for users of an Auth0 tenant or, without one, of a mock table.
 *
 * @throws Error when only a part of the tenant is named
 */
export function createApp(options: AppOptions = {}): Express {
  const { audit: write, env = {}, now = Date.now, publicUrl = 'http://127.0.0.1:3009' } = options;
  const audit = createAudit({ now, write });
  const parts = { audit, limit: createAttemptLimit({ now }) };
  const config = readTenantConfig(env);
  const source =
    config === undefined ? createMockSource(parts) : createTenantSource({ ...parts, config, now, publicUrl });

  const app = express();
  app.disable('x-powered-by');
  app.use(express.json());
  app.get('/', (_request, response) => {
    response.json({
      message: 'Users of a tenant, and what they may do',
      endpoints: ENDPOINTS,
      auth0: source.about,
    });
  });
  app.use('/auth', source.signIn);
  app.use('/api', createApi(source, { authenticate: requireToken(source, audit), now }));
  app.use(answerUnavailable, answerError);
  return app;
}

const ENDPOINTS = {
  'POST /auth/login': 'sign in',
  'GET /api/profile': 'who you are',
  'PUT /api/profile': 'change your name; needs write:profile',
  'GET /api/email': 'your e-mail address; needs the scope email',
  'GET /api/users': 'needs read:users',
  'POST /api/users': 'needs write:users',
  'GET /api/admin/users': 'needs admin:all',
  'POST /api/admin/permissions': 'needs admin:all',
  'GET /api/auth0/user/:id': 'asks the tenant; needs read:users',
} as const;

interface ApiParts {
  readonly authenticate: RequestHandler;
  readonly now: () => number;
}

function createApi(source: IdentitySource, { authenticate, now }: ApiParts): Router {
  const api = Router();
  api.get('/profile', authenticate, showProfile(source));
  api.put('/profile', authenticate, requirePermission('write:profile'), updateProfile(source));
  api.get('/email', authenticate, requireScope('email'), showEmail(source));
  api.get('/users', authenticate, requirePermission('read:users'), (_request, response) => {
    response.json({ users: USERS.map(({ id, email, name }) => ({ id, email, name })) });
  });
  api.post('/users', authenticate, requirePermission('write:users'), createUser(now));
  api.get('/admin/users', authenticate, requirePermission('admin:all'), (_request, response) => {
    const users = USERS.map(({ id, email, name, permissions }) => ({ id, email, name, permissions }));
    response.json({ users, total: users.length });
  });
  api.post('/admin/permissions', authenticate, requirePermission('admin:all'), updatePermissions);
  api.get('/auth0/user/:id', authenticate, requirePermission('read:users'), showUser(source));
  return api;
}

function showUser(source: IdentitySource): RequestHandler {
  return async (request, response) => {
    const user = await source.findUser(String(request.params['id']));
    if (user === undefined) response.status(404).json({ error: 'Not found', message: 'User not found' });
    else response.json(user);
  };
}

function showProfile(source: IdentitySource): RequestHandler {
  return async (_request, response) => {
    const { email, name, permissions, scopes } = await source.withProfile(accessOf(response));
    if (email === undefined) return refuseClaim(response, 'email');
    if (name === undefined) return refuseClaim(response, 'name');
    const profile = { id: accessOf(response).subject, email, name };
    response.json({ profile, permissions, scope: scopes.join(' ') });
  };
}

/** The name alone: an address is what its owner has proved, and the rest is not theirs to say. Nothing is kept. */
function updateProfile(source: IdentitySource): RequestHandler {
  return async (request, response) => {
    const { email, name } = await source.withProfile(accessOf(response));
    if (email === undefined) return refuseClaim(response, 'email');
    const newName = textField(request.body, 'name') ?? name;
    if (newName === undefined) return refuseClaim(response, 'name');
    const profile = { id: accessOf(response).subject, email, name: newName };
    response.json({ message: 'Profile updated', profile });
  };
}

function showEmail(source: IdentitySource): RequestHandler {
  return async (_request, response) => {
    const { email, isEmailVerified } = await source.withProfile(accessOf(response));
    if (email === undefined) return refuseClaim(response, 'email');
    response.json({ email, verified: isEmailVerified === true });
  };
}

/** The users of this story stay as they are, so that it can be told twice: a new one is only answered. */
function createUser(now: () => number): RequestHandler {
  return (request, response) => {
    const [name, email] = [textField(request.body, 'name'), textField(request.body, 'email')];
    if (name === undefined || email === undefined) {
      response.status(400).json({ error: 'Bad request', message: 'name and email are required' });
      return;
    }
    const id = `auth0|${randomBytes(12).toString('hex')}`;
    response.status(201).json({ id, name, email, created: new Date(now()).toISOString() });
  };
}

/** Only answered, as a new user is. */
const updatePermissions: RequestHandler = (request, response) => {
  const userId = textField(request.body, 'userId');
  const { permissions } = (request.body ?? {}) as { readonly permissions?: unknown };
  const isList = Array.isArray(permissions) && permissions.every((name) => typeof name === 'string');
  if (userId === undefined || !isList) {
    response.status(400).json({ error: 'Bad request', message: 'userId and permissions are required' });
    return;
  }
  response.json({ message: 'Permissions updated', userId, permissions });
};
