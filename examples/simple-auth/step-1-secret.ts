import express, { type Express, type RequestHandler } from 'express';
import { isSameSecret } from '../auth-token/parts/secrets.ts';

/** Step 1: one secret, sent in the Authorization header. */
export interface SecretOptions {
  readonly secret: string;
  /** Of a secret that is wrong. Default 401, which RFC 6750 §3.1 and MCP demand. */
  readonly invalidTokenStatus?: 401 | 403 | undefined;
  /** Takes the secret without `Bearer` too. Default false. */
  readonly acceptsBareSecret?: boolean | undefined;
}

/** As the lesson does it. */
export const LESSON = { invalidTokenStatus: 403, acceptsBareSecret: true } as const;

export function judgeSecret(
  header: string | undefined,
  { acceptsBareSecret = false, secret }: SecretOptions,
): 'missing' | 'wrong' | 'right' {
  if (header === undefined || header === '') return 'missing';
  // RFC 9110 §11.1: the scheme is case-insensitive.
  const [, token] = /^bearer +(.+)$/i.exec(header) ?? [];
  const given = token ?? (acceptsBareSecret ? header : undefined);
  return given !== undefined && isSameSecret(given, secret) ? 'right' : 'wrong';
}

/** Nothing behind this middleware runs without the secret, whatever the method. */
export function requireSecret(options: SecretOptions): RequestHandler {
  const { invalidTokenStatus = 401 } = options;
  return (request, response, next) => {
    switch (judgeSecret(request.get('authorization'), options)) {
      case 'right':
        next();
        return;
      case 'missing':
        response.status(401).set('www-authenticate', 'Bearer realm="simple-auth"').send('Unauthorized');
        return;
      case 'wrong':
        if (invalidTokenStatus === 403) response.status(403).send('Forbidden');
        else response.status(401).set('www-authenticate', WRONG).send('Unauthorized');
    }
  };
}

// RFC 6750 §3.1.
const WRONG = 'Bearer realm="simple-auth", error="invalid_token"';

export function createSecretApp(options: SecretOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(requireSecret(options));
  app.all('/data', (request, response) => {
    response.json({ data: 'for those who know the secret', method: request.method });
  });
  return app;
}
