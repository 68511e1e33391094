import type { RequestHandler, Response } from 'express';
import type { Audit } from './parts/audit.ts';
import type { Sessions } from './sessions.ts';
import { findByToken, type Role, type Scheme, type User } from './users.ts';

/** Who has been let in, and how. */
export interface Caller {
  readonly user: User;
  readonly scheme: Scheme;
  readonly token: string;
}

/** Whom `authenticate` has let in on the way to this response. */
export function callerOf(response: Response): Caller {
  return response.locals['caller'] as Caller;
}

/** Lets those in whom a token names; everybody else gets a 401 that says what was missing. */
export function createAuthenticate(sessions: Sessions, audit: Audit): RequestHandler {
  return (request, response, next) => {
    const found = identify(request.get('authorization'), sessions);
    if ('error' in found) {
      const { error: reason, scheme } = found;
      audit(request, { action: 'authenticate', outcome: 'refused', scheme, reason });
      // RFC 9110 §11.6.1: a 401 says how to do better.
      response.status(401).set('www-authenticate', 'Bearer realm="auth-token"').json({ error: reason });
      return;
    }
    const { scheme, user } = found;
    audit(request, { action: 'authenticate', outcome: 'ok', scheme, user: user.username });
    response.locals['caller'] = found;
    next();
  };
}

/** Comes after `authenticate`. Admins have every role. */
export function requireRole(role: Role): RequestHandler {
  return (_request, response, next) => {
    const { user } = callerOf(response);
    if (user.role === role || user.role === 'admin') next();
    else response.status(403).json({ error: `Requires ${role} role` });
  };
}

interface Refusal {
  readonly error: string;
  readonly scheme?: Scheme;
}

function identify(header: string | undefined, sessions: Sessions): Caller | Refusal {
  if (header === undefined || header === '') return { error: 'No authorization header' };
  const [, name = '', token = ''] = /^(\S+) *(.*)$/s.exec(header.trim()) ?? [];
  // RFC 9110 §11.1: schemes are case-insensitive.
  switch (name.toLowerCase()) {
    case 'bearer': {
      const user = findByToken(token, 'Bearer') ?? sessions.find(token);
      return user === undefined
        ? { error: 'Invalid token', scheme: 'Bearer' }
        : { user, scheme: 'Bearer', token };
    }
    case 'apikey': {
      const user = findByToken(token, 'ApiKey');
      return user === undefined
        ? { error: 'Invalid API key', scheme: 'ApiKey' }
        : { user, scheme: 'ApiKey', token };
    }
    default:
      return { error: 'Unsupported auth scheme' };
  }
}
