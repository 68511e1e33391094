import express, { type Express, type RequestHandler } from 'express';
import { callerOf, createAuthenticate, requireRole } from './authenticate.ts';
import { createAttemptLimit } from './parts/attempt-limit.ts';
import { createAudit } from './parts/audit.ts';
import { answerError } from './parts/errors.ts';
import { textField } from './parts/secrets.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { createSignIn } from './sign-in.ts';
import { ACCOUNTS } from './users.ts';

export interface AppOptions {
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  /** Gets one line for each attempt to be let in; by default standard error does. */
  readonly audit?: ((line: string) => void) | undefined;
}

/**
 * An Express app that knows nothing of MCP: tokens of three kinds, roles and sessions, all checked by its own
 * middleware. What it answers does not depend on how a request gets to it.
 */
export function createApp({ now = Date.now, audit: write }: AppOptions = {}): Express {
  const sessions = createSessions(now);
  const audit = createAudit({ now, write });
  const authenticate = createAuthenticate(sessions, audit);
  const timestamp = () => new Date(now()).toISOString();

  const app = express();
  app.disable('x-powered-by');
  app.use(express.json());
  app.use('/auth', createSignIn({ sessions, audit, authenticate, limit: createAttemptLimit({ now }) }));

  app.get('/public/info', (_request, response) => {
    response.json({ message: 'Public information', timestamp: timestamp() });
  });
  app.get('/user/profile', authenticate, (_request, response) => {
    response.json({ profile: callerOf(response).user, timestamp: timestamp() });
  });
  app.get('/user/data', authenticate, (_request, response) => {
    const { id, username } = callerOf(response).user;
    response.json({ data: `Private data for user ${username}`, userId: id });
  });
  app.put('/user/settings', authenticate, (request, response) => {
    const settings: unknown = request.body ?? {};
    response.json({ message: 'Settings updated', userId: callerOf(response).user.id, settings });
  });
  app.get('/test/auth-info', authenticate, (_request, response) => {
    const { scheme, token, user } = callerOf(response);
    const message = 'Auth passthrough successful';
    response.json({ message, user, authScheme: scheme, tokenPreview: preview(token) });
  });

  app.get('/admin/users', authenticate, requireRole('admin'), (_request, response) => {
    const users = ACCOUNTS.map(({ token, user }) => ({ ...user, token: preview(token) }));
    response.json({ users, sessions: sessions.count() });
  });
  app.post('/admin/grant', authenticate, requireRole('admin'), grant(timestamp));
  app.delete('/admin/sessions', authenticate, requireRole('admin'), (_request, response) => {
    response.json({ message: clearedBy(sessions) });
  });
  app.get('/service/metrics', authenticate, requireRole('service'), (_request, response) => {
    response.json({ metrics: { requests: 1000, errors: 5, latency: 45 }, timestamp: timestamp() });
  });

  app.use(answerError);
  return app;
}

/** The users of this story stay as they are, so that it can be told twice: a grant is only answered. */
function grant(timestamp: () => string): RequestHandler {
  return (request, response) => {
    const { userId } = (request.body ?? {}) as { readonly userId?: unknown };
    const role = textField(request.body, 'role');
    if (role === undefined || (typeof userId !== 'number' && typeof userId !== 'string')) {
      response.status(400).json({ error: 'userId and role are required' });
      return;
    }
    response.json({ message: `Granted ${role} role to user ${userId}`, timestamp: timestamp() });
  };
}

function clearedBy(sessions: Sessions): string {
  return `Cleared ${sessions.clear()} sessions`;
}

/** Enough to tell tokens apart, too little to use one. */
function preview(token: string): string {
  return `${token.slice(0, 10)}...`;
}
