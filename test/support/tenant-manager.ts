import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** What a {@link TenantManager} does to those who ask it. */
export type ManagerBehaviour =
  | 'honest'
  | 'unlinked'
  | 'hangs-up'
  | 'silent'
  | 'slow-head'
  | 'slow-body'
  | 'endless'
  | 'huge'
  | 'redirect'
  | { readonly status: number; readonly body?: unknown }
  | { readonly body: string };

export interface TenantManager {
  readonly url: string;
  behaviour: ManagerBehaviour;
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  /** Stops listening, as a service that is down. */
  stop(): Promise<void>;
}

export const SERVICE_TOKEN = 'service-token-of-the-gate';

/** The upstream token of a user. */
export function upstreamTokenOf(userId: string): string {
  return `upstream-of-${userId}`;
}

/** A tenant manager on loopback that misbehaves as told, from one request to the next. */
export async function startTenantManager(): Promise<TenantManager> {
  const requests: TenantManager['requests'] = [];
  const state: { behaviour: ManagerBehaviour } = { behaviour: 'honest' };
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push({ path, headers: request.headers });
    respond(response, path, state.behaviour);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  onTestFinished(stop);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop,
    get behaviour() {
      return state.behaviour;
    },
    set behaviour(behaviour) {
      state.behaviour = behaviour;
    },
  };
}

const CHUNK = `"${' '.repeat(8192)}",`;

function respond(response: ServerResponse, path: string, behaviour: ManagerBehaviour): void {
  const userId = decodeURIComponent(path.split('/')[3] ?? '');
  const good = JSON.stringify({ accessToken: upstreamTokenOf(userId) });
  if (typeof behaviour === 'object') {
    const { body } = behaviour;
    response.statusCode = 'status' in behaviour ? behaviour.status : 200;
    response.setHeader('content-type', 'application/json');
    response.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
    return;
  }
  switch (behaviour) {
    case 'honest':
      response.end(good);
      return;
    case 'unlinked':
      response.writeHead(404).end('{"error":"not linked"}');
      return;
    case 'hangs-up':
      response.destroy();
      return;
    case 'silent':
      return;
    case 'slow-head':
      response.flushHeaders();
      return;
    case 'slow-body':
      trickle(response, ' ', 20);
      return;
    case 'endless':
      trickle(response, CHUNK, 1);
      return;
    case 'huge':
      response.end(`{"accessToken":"x","padding":"${'x'.repeat(5_000_000)}"}`);
      return;
    case 'redirect':
      // What it points to would give a token, had anybody followed.
      response.writeHead(302, { location: '/honest/elsewhere' }).end(good);
  }
}

function trickle(response: ServerResponse, piece: string, everyMs: number): void {
  response.write('{');
  const timer = setInterval(() => response.write(piece), everyMs);
  response.on('close', () => clearInterval(timer));
}
