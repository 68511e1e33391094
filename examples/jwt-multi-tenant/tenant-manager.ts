import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';

/** The middle tier: signs users in, keeps their upstream credentials, and can take them back. */
export interface TenantManager {
  readonly url: string;
  readonly jwtSecret: string;
  readonly serviceToken: string;
  signIn(userId: string): Promise<string>;
  link(userId: string, token: string): void;
  unlink(userId: string): void;
  close(): Promise<void>;
}

const ROUTE = /^\/api\/credentials\/([^/]+)\/([^/]+)$/;

export async function startTenantManager(): Promise<TenantManager> {
  const jwtSecret = randomBytes(32).toString('base64url');
  const serviceToken = randomBytes(32).toString('base64url');
  const credentials = new Map<string, string>();

  const server = createServer((request, response) =>
    answer(request, response, { credentials, serviceToken }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    jwtSecret,
    serviceToken,
    signIn: (userId) =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(userId)
        .setIssuedAt()
        .setExpirationTime('15m')
        .sign(new TextEncoder().encode(jwtSecret)),
    link: (userId, token) => void credentials.set(userId, token),
    unlink: (userId) => void credentials.delete(userId),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

interface Vault {
  readonly credentials: ReadonlyMap<string, string>;
  readonly serviceToken: string;
}

function answer(request: IncomingMessage, response: ServerResponse, vault: Vault): void {
  const send = (status: number, body: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (!isService(request.headers.authorization, vault.serviceToken))
    return void send(401, { error: 'unknown service' });
  const [, userId = ''] = ROUTE.exec(request.url ?? '') ?? [];
  const accessToken = vault.credentials.get(decodeURIComponent(userId));
  if (accessToken === undefined) return void send(404, { error: 'not linked' });
  send(200, { accessToken, expiresAt: Date.now() + 3_600_000 });
}

function isService(authorization: string | undefined, serviceToken: string): boolean {
  const [given, expected] = [Buffer.from(authorization ?? ''), Buffer.from(`Bearer ${serviceToken}`)];
  return given.length === expected.length && timingSafeEqual(given, expected);
}
