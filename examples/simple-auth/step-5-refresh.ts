import { randomBytes } from 'node:crypto';
import express, { type Express, type RequestHandler } from 'express';
import { type AttemptLimit, createAttemptLimit } from '../auth-token/parts/attempt-limit.ts';
import { answerError } from '../auth-token/parts/errors.ts';
import { fingerprint, isSameSecret, textField } from '../auth-token/parts/secrets.ts';
import { ACCOUNTS } from './accounts.ts';
import { requireToken, showResource, type Tokens, type User, userOf } from './step-4-jwt.ts';

/** Step 5: access tokens that end soon, and refresh tokens with which to get new ones. */
export const ACCESS_SECONDS = 15 * 60;
export const REFRESH_SECONDS = 7 * 24 * 3600;
const MAX_FAMILIES = 10_000;

export interface RefreshTokens {
  issue(user: User): string;
  /**
   * Takes a token, each only once, for the next of its family. One that was taken before has been stolen from somebody:
   * its whole family ends, and both have to sign in.
   */
  rotate(token: string): { readonly user: User; readonly token: string } | 'expired' | 'invalid';
}

interface Family {
  readonly user: User;
  /** Fingerprint of the only token that counts. */
  readonly current: string;
  readonly endsAt: number;
}

export function createRefreshTokens(now: () => number = Date.now): RefreshTokens {
  // In the order of their ends.
  const families = new Map<string, Family>();

  const add = (id: string, user: User): string => {
    const [oldest] = families.keys();
    if (families.size >= MAX_FAMILIES && oldest !== undefined) families.delete(oldest);
    const token = `${id}.${randomBytes(32).toString('base64url')}`;
    families.set(id, { user, current: fingerprint(token), endsAt: now() + REFRESH_SECONDS * 1000 });
    return token;
  };

  return {
    issue: (user) => add(randomBytes(16).toString('base64url'), user),
    rotate(token) {
      const id = token.slice(0, Math.max(0, token.indexOf('.')));
      const family = families.get(id);
      if (family === undefined) return 'invalid';
      // Away in any case: either the next token takes its place, or there is none.
      families.delete(id);
      if (!isSameSecret(fingerprint(token), family.current)) return 'invalid';
      if (family.endsAt <= now()) return 'expired';
      return { user: family.user, token: add(id, family.user) };
    },
  };
}

export interface LoginOptions {
  readonly tokens: Tokens;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
}

/** `POST /login` and `POST /refresh`, each giving `{accessToken, refreshToken}`. */
export function addLogin(app: Express, { now = Date.now, tokens }: LoginOptions): void {
  const parts = { tokens, refreshTokens: createRefreshTokens(now), limit: createAttemptLimit({ now }) };
  app.post('/login', express.json(), login(parts));
  app.post('/refresh', express.json(), refresh(parts));
}

interface LoginParts {
  readonly tokens: Tokens;
  readonly refreshTokens: RefreshTokens;
  readonly limit: AttemptLimit;
}

function login({ limit, refreshTokens, tokens }: LoginParts): RequestHandler {
  return async (request, response) => {
    if (limit.refuses(request, response)) return;
    const user = findByPassword(request.body);
    if (user === undefined) {
      response.status(401).json({ error: 'Invalid credentials' });
      return;
    }
    limit.forgive(request);
    const accessToken = await tokens.sign(user, ACCESS_SECONDS);
    response.set('cache-control', 'no-store').json({ accessToken, refreshToken: refreshTokens.issue(user) });
  };
}

function refresh({ limit, refreshTokens, tokens }: LoginParts): RequestHandler {
  return async (request, response) => {
    if (limit.refuses(request, response)) return;
    const next = refreshTokens.rotate(textField(request.body, 'refreshToken') ?? '');
    if (typeof next === 'string') {
      const error = next === 'expired' ? 'Refresh token expired' : 'Invalid refresh token';
      response.status(401).json({ error });
      return;
    }
    limit.forgive(request);
    const accessToken = await tokens.sign(next.user, ACCESS_SECONDS);
    response.set('cache-control', 'no-store').json({ accessToken, refreshToken: next.token });
  };
}

function findByPassword(body: unknown): User | undefined {
  const account = ACCOUNTS.get(textField(body, 'username') ?? '');
  const isRight = isSameSecret(textField(body, 'password') ?? '', account?.password ?? '');
  return isRight ? account?.user : undefined;
}

export function createLoginApp(options: LoginOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  addLogin(app, options);
  app.get('/resource', requireToken(options.tokens), showResource);
  app.get('/protected', requireToken(options.tokens), (request, response) => {
    response.json({ message: `Welcome ${userOf(request).name}` });
  });
  app.use(answerError);
  return app;
}
