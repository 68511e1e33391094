import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve as serveFetch } from '@hono/node-server';
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { Hono } from 'hono';
import { onTestFinished } from 'vitest';
import { toExpress } from '../../src/adapters/express.ts';
import { toFastify } from '../../src/adapters/fastify.ts';
import { toHono } from '../../src/adapters/hono.ts';
import { toNode } from '../../src/adapters/node.ts';
import type { Gate } from '../../src/gate.ts';
import { EXPRESS } from './express-apps.ts';

/** A server of one's own with a gate in it; whatever is not the gate's gets `the app`. */
export interface Host {
  readonly host: string;
  /** Returns the origin. The server ends with the test. */
  serve(gate: Gate): Promise<string>;
}

export const THE_APP = 'the app';

/** Starts a listener of Node on a free port of loopback. */
export async function serveNode(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Serves a handler of the Fetch API as `@hono/node-server` does. */
export async function serveOnNodeServer(
  fetch: Parameters<typeof serveFetch>[0]['fetch'],
  options: { readonly overrideGlobalObjects?: boolean } = {},
): Promise<string> {
  const server = await new Promise<ReturnType<typeof serveFetch>>((resolve) => {
    const started = serveFetch({ fetch, port: 0, hostname: '127.0.0.1', ...options }, () => resolve(started));
  });
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A Fastify app, closed when the test is over. */
export function createFastify(options: FastifyServerOptions = {}): FastifyInstance {
  const app = fastify({ forceCloseConnections: true, ...options });
  onTestFinished(() => app.close());
  return app;
}

export const HOSTS: readonly Host[] = [
  {
    host: 'node:http',
    serve(gate) {
      const handle = toNode(gate);
      return serveNode((request, response) => {
        if (gate.owns(request.url?.split('?')[0] ?? '/')) handle(request, response);
        else response.end(THE_APP);
      });
    },
  },
  ...EXPRESS.map(({ version, express }) => ({
    host: version,
    serve(gate: Gate) {
      const app = express();
      app.use(toExpress(gate));
      app.use((_request, response) => void response.end(THE_APP));
      return serveNode(app);
    },
  })),
  {
    host: 'Hono',
    serve(gate) {
      const app = new Hono();
      app.use(toHono(gate));
      app.all('*', (context) => context.text(THE_APP));
      return serveOnNodeServer(app.fetch);
    },
  },
  {
    host: 'Fastify',
    serve(gate) {
      const app = createFastify();
      app.register(toFastify(gate));
      app.setNotFoundHandler((_request, reply) => reply.code(200).send(THE_APP));
      return app.listen({ host: '127.0.0.1', port: 0 });
    },
  },
  {
    host: 'plain fetch',
    serve: (gate) =>
      serveOnNodeServer(
        (request, env) => {
          if (!gate.owns(new URL(request.url).pathname)) return new Response(THE_APP);
          const { remoteAddress, localAddress } = env.incoming.socket;
          return gate.fetch(request, { remoteAddress, localAddress });
        },
        { overrideGlobalObjects: false },
      ),
  },
];
