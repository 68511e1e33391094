import type { FactoryServerOptions } from '../../src/config/options.ts';
import { type Harness, type HarnessOptions, startGate } from './gate-harness.ts';
import { createRuns, type Runs } from './notes.ts';
import { notesFactory } from './notes-server.ts';
import { notesFactoryV1 } from './notes-server-v1.ts';
import type { Mode } from './peers.ts';

export interface NotesGate extends Harness {
  readonly runs: Runs;
}

export interface NotesOptions extends Omit<HarnessOptions, 'servers'> {
  /** Which SDK the server is written for. Default v2. */
  readonly sdk?: 'v1' | 'v2';
  /** Decides whether the server keeps protocol sessions. Default: it does not. */
  readonly mode?: Mode;
  /** More options of the server. */
  readonly server?: Partial<FactoryServerOptions>;
}

/** A gate in front of one server of notes, by the name `notes`. */
export async function startNotes({
  sdk = 'v2',
  mode,
  server,
  ...options
}: NotesOptions = {}): Promise<NotesGate> {
  const runs = createRuns();
  const factory = sdk === 'v1' ? notesFactoryV1(runs) : notesFactory(runs);
  const sessions = mode?.sessions ?? { mode: 'stateless' };
  const harness = await startGate({ ...options, servers: { notes: { factory, sessions, ...server } } });
  return { ...harness, runs };
}
