import { createHash, randomBytes } from 'node:crypto';
import type { Request, Response } from 'express';
import { AUDIENCE } from './local-tenant-core.ts';
import { USERS, type User } from './users.ts';

const CODE_MS = 60_000;
const MAX_CODES = 1000;

/** What the browser carries from the tenant to the client. */
export interface Codes {
  issue(init: Omit<Code, 'endsAt'>): string;
  /** Each once. */
  redeem(form: Readonly<Record<string, unknown>>): User | undefined;
}

interface Code {
  readonly user: User;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly endsAt: number;
}

export function createCodes(): Codes {
  const codes = new Map<string, Code>();
  return {
    issue(init) {
      const [oldest] = codes.keys();
      if (codes.size >= MAX_CODES && oldest !== undefined) codes.delete(oldest);
      const code = randomBytes(32).toString('base64url');
      codes.set(code, { ...init, endsAt: Date.now() + CODE_MS });
      return code;
    },
    redeem(form) {
      const code = codes.get(String(form['code']));
      codes.delete(String(form['code']));
      if (code === undefined || code.endsAt <= Date.now()) return undefined;
      const challenge = createHash('sha256').update(String(form['code_verifier'])).digest('base64url');
      const isRight = challenge === code.challenge && form['redirect_uri'] === code.redirectUri;
      return isRight ? code.user : undefined;
    },
  };
}

export interface AuthorizeParts {
  readonly clientId: string;
  readonly codes: Codes;
  readonly origin: string;
}

/** Asks who is there. Nobody has a password here: who is named by `login_hint` has signed in already. */
export function authorize(
  request: Request,
  response: Response,
  { clientId, codes, origin }: AuthorizeParts,
): void {
  const query = new URL(request.originalUrl, origin).searchParams;
  const redirectUri = query.get('redirect_uri') ?? '';
  // To an address that is not the client's, nothing may be sent, an error included (RFC 6749 §4.1.2.1).
  if (query.get('client_id') !== clientId || !isCallback(redirectUri)) {
    response.status(400).send('Unknown client or address');
    return;
  }
  const answer = new URL(redirectUri);
  const state = query.get('state');
  if (state !== null) answer.searchParams.set('state', state);
  const challenge = query.get('code_challenge') ?? '';
  const isSound = query.get('response_type') === 'code' && query.get('audience') === AUDIENCE;
  if (!isSound || challenge === '' || query.get('code_challenge_method') !== 'S256') {
    answer.searchParams.set('error', 'invalid_request');
    response.redirect(answer.href);
    return;
  }
  const user = USERS.find(({ email }) => email === query.get('login_hint'));
  if (user === undefined) {
    response.send(loginPage(query));
    return;
  }
  answer.searchParams.set('code', codes.issue({ user, redirectUri, challenge }));
  response.redirect(answer.href);
}

/** RFC 8252 §7.3: of an app on this machine the port may be any. */
function isCallback(redirectUri: string): boolean {
  const url = URL.canParse(redirectUri) ? new URL(redirectUri) : undefined;
  return url?.hostname === '127.0.0.1' && url.pathname === '/auth/callback';
}

function loginPage(query: URLSearchParams): string {
  const links = USERS.map(({ email, name }) => {
    const target = new URLSearchParams(query);
    target.set('login_hint', email);
    // URLSearchParams has encoded everything else that could end the attribute.
    return `<li><a href="/authorize?${target.toString().replaceAll('&', '&amp;')}">${name}</a></li>`;
  });
  return `<!doctype html><title>Sign in</title><h1>Who are you?</h1><ul>${links.join('')}</ul>`;
}
