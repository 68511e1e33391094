import type { TenantConfig } from './tenant-config.ts';
import { askTenant, textOf } from './tenant-request.ts';

export interface Grant {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
}

/** Asks for a token as this app (RFC 6749 §3.2). Undefined when the tenant refuses. @throws TenantUnavailableError */
export async function requestToken(
  { clientId, clientSecret, origin }: TenantConfig,
  parameters: Readonly<Record<string, string>>,
): Promise<Grant | undefined> {
  const answer = await askTenant(`${origin}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({ ...parameters, client_id: clientId, client_secret: clientSecret }),
  });
  const accessToken = textOf(answer, 'access_token');
  if (answer.status !== 200 || accessToken === undefined) return undefined;
  const expiresIn = (answer.json as Readonly<Record<string, unknown>>)['expires_in'];
  return { accessToken, expiresInSeconds: typeof expiresIn === 'number' ? expiresIn : 0 };
}
