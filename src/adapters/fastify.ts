import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Gate } from '../gate.ts';
import { createNodeHandler } from '../http/listener.ts';
import { pathOf } from '../http/node-bridge.ts';

/** What of a Fastify instance the adapter needs. */
export interface FastifyApp {
  addHook(
    name: 'onRequest',
    hook: (
      request: { readonly raw: IncomingMessage },
      reply: { readonly raw: ServerResponse; hijack(): unknown },
      done: () => void,
    ) => void,
  ): unknown;
}

export type FastifyPlugin = (
  app: FastifyApp,
  options: { readonly prefix?: string | undefined },
  done: () => void,
) => void;

/**
 * Serves a gate from a Fastify 5 app on HTTP/1.1: `app.register(toFastify(gate))`, with `{ prefix }` if need be. The
 * gate answers the paths it serves something at, before Fastify parses bodies; everything else goes on to the app's
 * routes. Hooks that the app has added before see the gate's requests too.
 *
 * @throws ConfigurationError for a gate that may be served over stdio only
 */
export function toFastify(gate: Gate): FastifyPlugin {
  const handle = createNodeHandler(gate.handle);
  const plugin: FastifyPlugin = (app, { prefix = '' }, done) => {
    app.addHook('onRequest', ({ raw }, reply, next) => {
      const { url = '/' } = raw;
      const inner = withoutPrefix(url, prefix);
      if (inner === undefined || !gate.owns(pathOf(inner))) {
        next();
        return;
      }
      reply.hijack();
      raw.url = inner;
      void handle(raw, reply.raw);
    });
    done();
  };
  // The hook is for all of the app: requests of the gate match none of its routes.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}

function withoutPrefix(url: string, prefix: string): string | undefined {
  // RFC 8615 §3: well-known paths are those of the host, wherever a part of it is mounted.
  if (prefix === '' || url.startsWith('/.well-known/')) return url;
  return url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : undefined;
}
