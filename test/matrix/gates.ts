import type { AuditEvent } from '../../src/audit/audit-sink.ts';
import type { GateOptions } from '../../src/config/options.ts';
import { openJournal } from './journal.ts';
import type { ServerKind, ServerOptions } from './servers/kinds.ts';
import { upstreamTokenOf } from './servers/owner.ts';

/** Whether a gate keeps the sessions of 2025-era clients. */
export type SessionMode = 'stateless' | 'stateful';

/** What a gate needs to know that is not in its options, in this process or in one of its own. */
export interface GatePlace {
  readonly directory: string;
  readonly port: number;
  readonly issuer: string;
  readonly jwksUri: string;
  readonly remoteUrl: string;
  /** Where the compiled programs of the matrix lie. */
  readonly programs: string;
}

/** The scopes that open the tool `guarded`. */
export const GUARDED_SCOPES = ['matrix:read', 'matrix:write'] as const;

/** Where a kind of server is found in a gate. */
export function nameOf(kind: ServerKind, sessions: SessionMode): string {
  return `${kind.name}-${sessions}`;
}

/** Options of a gate for some kinds of server, each with and without protocol sessions. */
export function gateOptions(place: GatePlace, kinds: readonly ServerKind[]): GateOptions {
  const journal = openJournal(place.directory);
  const servers: Record<string, ServerOptions> = {};
  const tools: Record<string, { scopes?: readonly string[]; roles?: readonly string[] }> = {};
  for (const kind of kinds) {
    for (const mode of ['stateless', 'stateful'] as const) {
      const name = nameOf(kind, mode);
      servers[name] = {
        ...kind.options({ journal, remoteUrl: place.remoteUrl, programs: place.programs }),
        sessions: { mode },
        resourceType: 'matrix',
      };
      tools[`${name}/guarded`] = { scopes: GUARDED_SCOPES };
      tools[`${name}/secret`] = { roles: ['admin'] };
    }
  }
  return {
    publicUrl: `http://127.0.0.1:${place.port}`,
    listen: { host: '127.0.0.1', port: place.port, path: '/mcp', webSocket: true },
    servers,
    auth: [{ type: 'jwt', issuer: place.issuer, jwksUri: place.jwksUri }],
    authorization: { tools },
    tenancy: {
      toUserId: 'subject',
      credentials: { matrix: { resolveToken: async (user) => upstreamTokenOf(user) } },
    },
    audit: [(event: AuditEvent) => journal.audit(event)],
    onError: () => undefined,
  };
}
