import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEvent } from '../../src/audit/audit-sink.ts';
import type { GateOptions } from '../../src/config/options.ts';
import { createGate } from '../../src/gate.ts';
import { createLocalIssuer, type TokenInit } from '../../src/testing/local-issuer.ts';
import { freePort } from '../support/gate-harness.ts';
import { type Journal, openJournal } from './journal.ts';
import type { ServerKind, ServerOptions } from './servers/kinds.ts';
import { upstreamTokenOf } from './servers/owner.ts';
import { startRemote } from './servers/remote.ts';

/** Whether a gate keeps the sessions of 2025-era clients. */
export type SessionMode = 'stateless' | 'stateful';

/** What a gate needs to know that is not in its options, in this process or in one of its own. */
export interface GatePlace {
  readonly directory: string;
  readonly port: number;
  readonly issuer: string;
  readonly jwksUri: string;
  readonly remoteUrl: string;
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
        ...kind.options({ journal, remoteUrl: place.remoteUrl }),
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

/** A gate that listens, with all that it needs. */
export interface Site {
  readonly place: GatePlace;
  readonly journal: Journal;
  /** Where a server is reached over HTTP. */
  urlOf(kind: ServerKind, sessions: SessionMode): string;
  token(init: TokenInit): Promise<string>;
  close(): Promise<void>;
}

/** What a gate needs before it is there, whichever process it runs in. */
export async function prepareSite(): Promise<Site> {
  const issuer = await createLocalIssuer();
  const directory = await mkdtemp(join(tmpdir(), 'matrix-'));
  const port = await freePort();
  const journal = openJournal(directory);
  const remote = await startRemote(journal);
  return {
    place: { directory, port, issuer: issuer.issuer, jwksUri: issuer.jwksUri, remoteUrl: remote.url },
    journal,
    urlOf: (kind, sessions) => `http://127.0.0.1:${port}/mcp/${nameOf(kind, sessions)}`,
    token: (init) => issuer.token(init),
    close: async () => {
      await Promise.all([issuer.close(), remote.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A gate in this process, in front of servers of each kind. */
export async function openSite(kinds: readonly ServerKind[]): Promise<Site> {
  const site = await prepareSite();
  const gate = await createGate(gateOptions(site.place, kinds));
  await gate.listen();
  return {
    ...site,
    close: async () => {
      await gate.close();
      await site.close();
    },
  };
}
