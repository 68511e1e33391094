import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface TenantManager {
  readonly url: string;
  readonly requests: { readonly path: string; readonly authorization: string | undefined }[];
}

/** Hands out the token of each user it knows, and 404 for the others. `fail` gives a status to answer with instead. */
export async function startTenantManager(
  tokens: Readonly<Record<string, string>>,
  fail?: number,
): Promise<TenantManager> {
  const requests: TenantManager['requests'] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push({ path, authorization: request.headers.authorization });
    const accessToken = tokens[decodeURIComponent(path.split('/')[3] ?? '')];
    response.writeHead(fail ?? (accessToken === undefined ? 404 : 200), {
      'content-type': 'application/json',
    });
    response.end(
      JSON.stringify(fail === undefined ? { accessToken } : { error: 'stack trace of the tenant manager' }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}
