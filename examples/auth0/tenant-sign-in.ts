import { createHash, randomBytes } from 'node:crypto';
import { type Request, type RequestHandler, Router } from 'express';
import { isSameSecret, textField } from '../auth-token/parts/secrets.ts';
import type { Access, IdentitySource } from './identity-source.ts';
import type { TenantSourceParts } from './tenant-source.ts';
import { type Grant, requestToken } from './token-endpoint.ts';
import { SCOPE } from './users.ts';

export type TenantSignInParts = TenantSourceParts & Pick<IdentitySource, 'verify' | 'withProfile'>;

const LONGEST_LOGIN_MS = 10 * 60_000;
const MAX_LOGINS = 1000;
const COOKIE = 'auth0_login';

interface Login {
  readonly verifier: string;
  readonly endsAt: number;
}

/**
 * Signing in at the tenant: `/login` leads there and `/callback` back with a code (RFC 6749 §4.1), which only this app
 * can exchange, and only for the browser that it sent (RFC 7636, and `state` in a cookie).
 */
export function createTenantSignIn(parts: TenantSignInParts): Router {
  const logins = createLogins(parts.now);
  const router = Router();
  router.get('/login', leadToTenant(parts, logins));
  router.post('/login', leadToTenant(parts, logins));
  router.get('/callback', finishLogin(parts, logins));
  return router;
}

function redirectUriOf({ publicUrl }: TenantSignInParts): string {
  return `${publicUrl}/auth/callback`;
}

function leadToTenant(parts: TenantSignInParts, logins: Logins): RequestHandler {
  const { config, publicUrl } = parts;
  return (request, response) => {
    const { state, challenge } = logins.begin();
    const url = new URL(`${config.origin}/authorize`);
    const hint = textField(request.body, 'email');
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: config.clientId,
      redirect_uri: redirectUriOf(parts),
      scope: SCOPE,
      audience: config.audience,
      state,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      // The password, if one was sent, stays here: it is for the tenant to ask for.
      ...(hint !== undefined && { login_hint: hint }),
    }).toString();
    response.cookie(COOKIE, state, {
      httpOnly: true,
      sameSite: 'lax',
      secure: publicUrl.startsWith('https:'),
      path: '/auth',
      maxAge: LONGEST_LOGIN_MS,
    });
    // RFC 9110 §15.4.4: 303 makes a GET of whatever it was.
    response.redirect(303, url.href);
  };
}

function finishLogin(parts: TenantSignInParts, logins: Logins): RequestHandler {
  const { audit, config, limit, publicUrl, verify, withProfile } = parts;
  return async (request, response) => {
    const refuse = (reason: string): void => {
      audit(request, { action: 'login', outcome: 'refused', reason });
      response.status(401).json({ error: 'Invalid credentials', message: 'Authentication failed' });
    };
    if (limit.refuses(request, response)) return;
    response.clearCookie(COOKIE, { path: '/auth' }).set('cache-control', 'no-store');
    const query = new URL(request.originalUrl, publicUrl).searchParams;
    const login = logins.take(query.get('state') ?? '', readCookie(request));
    if (login === undefined) return refuse('Not begun in this browser');
    const code = findCode(query, config.issuer);
    if (code === undefined) return refuse('No code');
    const grant = await requestToken(config, {
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUriOf(parts),
      code_verifier: login.verifier,
    });
    // What the tenant gives must be good for this very API.
    const access = grant === undefined ? undefined : await verify(grant.accessToken);
    if (grant === undefined || access === undefined) return refuse('No token');
    limit.forgive(request);
    audit(request, { action: 'login', outcome: 'ok', user: access.subject });
    response.json(toAnswer(grant, await withProfile(access)));
  };
}

function toAnswer({ accessToken, expiresInSeconds }: Grant, { email, name, subject }: Access): unknown {
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: expiresInSeconds,
    user: { sub: subject, email, name },
  };
}

function findCode(query: URLSearchParams, issuer: string): string | undefined {
  // RFC 9207 §2.4: an answer that names another issuer is not the one that was waited for.
  const from = query.get('iss');
  if (query.has('error') || (from !== null && from !== issuer)) return undefined;
  return query.get('code') ?? undefined;
}

function readCookie(request: Request): string {
  const pairs = (request.get('cookie') ?? '').split(';').map((pair) => pair.trim().split('='));
  return pairs.find(([name]) => name === COOKIE)?.[1] ?? '';
}

interface Logins {
  begin(): { readonly state: string; readonly challenge: string };
  /** Each can be taken once, and only by the browser that has its state in a cookie. */
  take(state: string, cookie: string): Login | undefined;
}

function createLogins(now: () => number): Logins {
  // In the order of their ends.
  const logins = new Map<string, Login>();
  return {
    begin() {
      for (const [state, { endsAt }] of logins) {
        if (endsAt > now() && logins.size < MAX_LOGINS) break;
        logins.delete(state);
      }
      const state = randomBytes(32).toString('base64url');
      const verifier = randomBytes(32).toString('base64url');
      logins.set(state, { verifier, endsAt: now() + LONGEST_LOGIN_MS });
      // RFC 7636 §4.2.
      const challenge = createHash('sha256').update(verifier).digest('base64url');
      return { state, challenge };
    },
    take(state, cookie) {
      if (!isSameSecret(state, cookie)) return undefined;
      const login = logins.get(state);
      logins.delete(state);
      return login !== undefined && login.endsAt > now() ? login : undefined;
    },
  };
}
