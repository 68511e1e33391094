import { type RequestHandler, Router } from 'express';
import { callerOf } from './authenticate.ts';
import type { AttemptLimit } from './parts/attempt-limit.ts';
import type { Audit } from './parts/audit.ts';
import { textField } from './parts/secrets.ts';
import type { Sessions } from './sessions.ts';
import { findByPassword } from './users.ts';

export interface SignInParts {
  readonly sessions: Sessions;
  readonly limit: AttemptLimit;
  readonly audit: Audit;
  readonly authenticate: RequestHandler;
}

/** `POST /login` gives a session for a password, `POST /refresh` a new session for the one that is sent. */
export function createSignIn({ sessions, limit, audit, authenticate }: SignInParts): Router {
  const router = Router();

  router.post('/login', (request, response) => {
    if (limit.refuses(request, response)) {
      audit(request, { action: 'login', outcome: 'refused', reason: 'Too many attempts' });
      return;
    }
    const user = findByPassword(
      textField(request.body, 'username') ?? '',
      textField(request.body, 'password') ?? '',
    );
    if (user === undefined) {
      // One answer for unknown names and wrong passwords: it tells nobody which names there are.
      audit(request, { action: 'login', outcome: 'refused', reason: 'Invalid credentials' });
      response.status(401).json({ error: 'Invalid credentials' });
      return;
    }
    limit.forgive(request);
    audit(request, { action: 'login', outcome: 'ok', user: user.username });
    response.set('cache-control', 'no-store').json(sessions.open(user));
  });

  router.post('/refresh', authenticate, (request, response) => {
    const { token, user } = callerOf(response);
    const session = sessions.renew(token);
    if (session === undefined) {
      // Tokens that do not end need no renewal.
      audit(request, { action: 'refresh', outcome: 'refused', user: user.username, reason: 'No session' });
      response.status(400).json({ error: 'Not a session' });
      return;
    }
    audit(request, { action: 'refresh', outcome: 'ok', user: user.username });
    response.set('cache-control', 'no-store').json(session);
  });

  return router;
}
