import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import type { Audit } from '../auth-token/parts/audit.ts';
import { type Access, type IdentitySource, TenantUnavailableError } from './identity-source.ts';

/** What `requireToken` has found on the way to this response. */
export function accessOf(response: Response): Access & { readonly subject: string } {
  return response.locals['access'] as Access & { readonly subject: string };
}

/** Lets those in whose token holds and names somebody. */
export function requireToken(source: IdentitySource, audit: Audit): RequestHandler {
  return async (request, response, next) => {
    const token = bearerToken(request.get('authorization'));
    const access = token === undefined ? undefined : await source.verify(token);
    if (access === undefined) {
      const body = token === undefined ? NO_TOKEN : INVALID_TOKEN;
      audit(request, { action: 'authenticate', outcome: 'refused', reason: body.error });
      response.status(401).set('www-authenticate', challenge(token)).json(body);
      return;
    }
    if (access.subject === undefined) {
      audit(request, { action: 'authenticate', outcome: 'refused', reason: 'No subject' });
      refuseClaim(response, 'sub');
      return;
    }
    audit(request, { action: 'authenticate', outcome: 'ok', scheme: 'Bearer', user: access.subject });
    response.locals['access'] = access;
    next();
  };
}

/** Comes after `requireToken`. */
export function requirePermission(permission: string): RequestHandler {
  return (_request, response, next) => {
    const { permissions } = accessOf(response);
    if (permissions.includes(permission)) {
      next();
      return;
    }
    const message = `Permission '${permission}' required`;
    response.status(403).json({ error: 'Insufficient permissions', message, userPermissions: permissions });
  };
}

/** Comes after `requireToken`. */
export function requireScope(scope: string): RequestHandler {
  return (_request, response, next) => {
    const { scopes } = accessOf(response);
    if (scopes.includes(scope)) {
      next();
      return;
    }
    const message = `Scope '${scope}' required`;
    response.status(403).json({ error: 'Insufficient scope', message, userScopes: scopes });
  };
}

/** The token holds, but does not say enough, and nor does who issued it. */
export function refuseClaim(response: Response, claim: string): void {
  response.status(403).json({ error: 'Insufficient claims', message: `Claim '${claim}' required` });
}

/** Whoever is not known to be let in is not; that this may change is said. */
export const answerUnavailable: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (!(error instanceof TenantUnavailableError) || response.headersSent) {
    next(error);
    return;
  }
  console.error(error.message);
  const body = { error: 'Service unavailable', message: 'The identity provider does not answer' };
  response.status(503).set('retry-after', '5').json(body);
};

const NO_TOKEN = {
  error: 'No token provided',
  message: 'Authorization header with Bearer token required',
} as const;
const INVALID_TOKEN = { error: 'Invalid token', message: 'Token validation failed' } as const;

// RFC 9110 §11.1: schemes are case-insensitive.
function bearerToken(header: string | undefined): string | undefined {
  return /^bearer +(\S.*)$/is.exec(header?.trim() ?? '')?.[1];
}

// RFC 6750 §3.1: no error code where there was no token.
function challenge(token: string | undefined): string {
  return token === undefined ? 'Bearer realm="auth0"' : 'Bearer realm="auth0", error="invalid_token"';
}
