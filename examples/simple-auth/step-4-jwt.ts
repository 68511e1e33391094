import express, { type Express, type Request, type RequestHandler } from 'express';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';

/** Step 4: a token that says who it is for and until when, in place of a secret that is sent about. */
export interface User {
  /** Becomes the claim `sub`. */
  readonly id: string;
  readonly name: string;
  readonly admin: boolean;
  readonly role: string;
  readonly permissions: readonly string[];
}

export interface Tokens {
  /** Default: for one hour. */
  sign(user: User, expiresInSeconds?: number): Promise<string>;
  /** @throws errors.JOSEError: JWTExpired, or another for what is no token of ours */
  verify(token: string): Promise<User>;
}

export interface TokensOptions {
  /** RFC 7518 §3.2: at least as long as the hash, 32 bytes. Never in the code: from the environment. */
  readonly secret: string;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
}

const HOUR = 3600;

/** @throws Error for a secret that is too short */
export function createTokens({ now = Date.now, secret }: TokensOptions): Tokens {
  const key = new TextEncoder().encode(secret);
  if (key.length < 32) throw new Error('The secret must have at least 32 bytes');
  return {
    sign({ id, ...claims }, expiresInSeconds = HOUR) {
      const issuedAt = Math.floor(now() / 1000);
      return new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(id)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + expiresInSeconds)
        .sign(key);
    },
    async verify(token) {
      const { payload } = await jwtVerify(token, key, {
        // RFC 8725 §3.1: never what the token itself names.
        algorithms: ['HS256'],
        requiredClaims: ['sub', 'exp'],
        currentDate: new Date(now()),
      });
      return toUser(payload);
    },
  };
}

/** A right that is not written as it should be is none. */
function toUser({ admin, name, permissions, role, sub }: JWTPayload): User {
  const list: readonly unknown[] = Array.isArray(permissions) ? permissions : [];
  return {
    id: sub ?? '',
    name: typeof name === 'string' ? name : '',
    admin: admin === true,
    role: typeof role === 'string' ? role : '',
    permissions: list.filter((permission) => typeof permission === 'string'),
  };
}

interface RequestOfUser extends Request {
  user?: User;
}

/** Who asks: there once `requireToken` has let the request through. */
export function userOf(request: RequestOfUser): User {
  if (request.user === undefined) throw new Error('Nothing has asked for a token');
  return request.user;
}

export function requireToken(tokens: Tokens): RequestHandler {
  return async (request: RequestOfUser, response, next) => {
    const [, token] = /^bearer +(\S+)$/i.exec(request.get('authorization') ?? '') ?? [];
    const found = token === undefined ? MISSING : await tokens.verify(token).catch(reasonOf);
    if (typeof found === 'object') {
      request.user = found;
      next();
      return;
    }
    const challenge = found === MISSING ? '' : ', error="invalid_token"';
    response
      .status(401)
      .set('www-authenticate', `Bearer realm="simple-auth"${challenge}`)
      .json({ error: found });
  };
}

const MISSING = 'Missing or invalid Authorization header';

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'Token expired';
  if (error instanceof errors.JOSEError) return 'Invalid token';
  throw error;
}

export function createTokenApp(tokens: Tokens): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/resource', requireToken(tokens), showResource);
  return app;
}

/** Comes after `requireToken`. */
export const showResource: RequestHandler = (request, response) => {
  response.json({ data: `The resources of ${userOf(request).name}` });
};
