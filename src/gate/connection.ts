import { randomUUID } from 'node:crypto';
import type { Caller } from '../core/admission.ts';
import { AuthenticationError } from '../core/errors.ts';
import { isRefusal } from '../core/refusal.ts';
import type { RequestContext } from '../core/request-context.ts';
import type { TransportLike } from '../mcp/server-product.ts';
import type { BuiltServer } from './build-server.ts';

/** A connection that lives longer than a request: stdio. */
export interface GateConnection {
  close(): Promise<void>;
  /**
   * Resolves once the connection has ended: by `close`, by its client, or because its server closed itself. Nobody reads
   * from its transport any more, so a process that is there for its sake ends now.
   */
  readonly closed: Promise<void>;
}

/**
 * Serves one server over a transport that carries no credential of its own. Who is behind it is found
 * once, from the environment; every message is still asked for.
 *
 * @throws AuthenticationError when nobody is found there
 */
export async function connectServer(server: BuiltServer, transport: TransportLike): Promise<GateConnection> {
  const context: RequestContext = {
    transport: 'stdio',
    timestamp: new Date(),
    requestId: randomUUID(),
    resource: server.resource,
    credential: { kind: 'environment' },
  };
  const caller: Caller | Awaited<ReturnType<typeof server.guard.arrive>> = await server.guard.arrive(context);
  if (isRefusal(caller)) throw new AuthenticationError(caller.message, { detail: caller.detail });
  return server.runtime.connect(caller, transport);
}
