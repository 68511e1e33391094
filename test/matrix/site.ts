import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGate } from '../../src/gate.ts';
import { createLocalIssuer, type TokenInit } from '../../src/testing/local-issuer.ts';
import { freePort } from '../support/gate-harness.ts';
import { type GatePlace, gateOptions, nameOf, type SessionMode } from './gates.ts';
import { type Journal, openJournal } from './journal.ts';
import { compilePrograms } from './programs.ts';
import type { ServerKind } from './servers/kinds.ts';
import { startRemote } from './servers/remote.ts';

// While modules are loaded, so that it is no part of the time that a test may take.
const PROGRAMS = compilePrograms();

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
  const { issuer: name, jwksUri } = issuer;
  return {
    place: { directory, port, issuer: name, jwksUri, remoteUrl: remote.url, programs: PROGRAMS },
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
