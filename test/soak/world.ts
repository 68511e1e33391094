import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLocalIssuer, type LocalIssuer } from '../../src/testing/local-issuer.ts';
import { inTime, Violation } from './outcome.ts';

export interface Numbers {
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
  readonly rss: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly pools: unknown;
}

/** A gate in a process of its own. */
export interface GateProcess {
  readonly pid: number;
  readonly auditPath: string;
  /** Of a server. */
  url(server: string): string;
  /** What it holds after garbage was collected. */
  numbers(): Promise<Numbers>;
  revoke(principalKey: string): void;
  signal(signal: 'SIGTERM' | 'SIGKILL'): void;
  /** What it told as errors so far, counted. */
  readonly told: ReadonlyMap<string, number>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly isRunning: boolean;
}

/** What a gate needs around it: an issuer, and a server elsewhere. */
export interface World {
  readonly issuer: LocalIssuer;
  startGate(): Promise<GateProcess>;
  /** Kills the server elsewhere, and starts another in its place. */
  restartRemote(): Promise<void>;
  remoteSessions(): Promise<number>;
  readonly remotePid: number;
  close(): Promise<void>;
}

const PORTS = { first: 15_000, count: 15_000 };

export async function openWorld(): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-soak-'));
  const issuer = await createLocalIssuer();
  const gates: GateProcess[] = [];
  let remote = await startRemote(0);
  const { port } = remote;

  return {
    issuer,
    async startGate() {
      const gate = await startGate({
        port: PORTS.first + Math.floor(Math.random() * PORTS.count),
        issuer: issuer.issuer,
        jwksUri: issuer.jwksUri,
        remoteUrl: `http://127.0.0.1:${port}/mcp`,
        auditPath: join(directory, `audit-${gates.length}.jsonl`),
      });
      gates.push(gate);
      return gate;
    },
    async restartRemote() {
      await kill(remote.child);
      remote = await startRemote(port);
    },
    remoteSessions: async () => {
      const told = once<{ sessions: number }>(remote.child, 'sessions');
      remote.child.send('sessions');
      return (await inTime(told, 'the server elsewhere')).sessions;
    },
    get remotePid() {
      return remote.child.pid ?? 0;
    },
    async close() {
      for (const gate of gates) if (gate.isRunning) gate.signal('SIGKILL');
      await Promise.all([...gates.map(({ ended }) => ended), kill(remote.child), issuer.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const program = (name: string): string => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));

async function startRemote(port: number): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = spawn(process.execPath, [program('remote'), String(port)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const { port: given } = await inTime(
    once<{ port: number }>(child, 'port'),
    'the start of the server elsewhere',
  );
  return { child, port: given };
}

interface GatePlace {
  readonly port: number;
  readonly issuer: string;
  readonly jwksUri: string;
  readonly remoteUrl: string;
  readonly auditPath: string;
}

async function startGate(place: GatePlace): Promise<GateProcess> {
  const { auditPath, port } = place;
  const child = spawn(process.execPath, ['--expose-gc', program('gate'), JSON.stringify(place)], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let isRunning = true;
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      isRunning = false;
      resolve({ code, signal });
    });
  });
  const told = new Map<string, number>();
  const tell = (what: string): void => void told.set(what, (told.get(what) ?? 0) + 1);
  // A warning of Node's, or the trace of what nobody caught.
  child.stderr?.on('data', (chunk: Buffer) => {
    if (/Warning|Error|at /.test(String(chunk))) tell(`stderr: ${String(chunk).slice(0, 300)}`);
  });
  child.on('message', (message: { told?: string; code?: string; stack?: string }) => {
    if (message.told === undefined) return;
    tell(`${message.code ?? 'no code'}: ${message.told.slice(0, 160)}`);
  });
  const early = ended.then(({ code }) =>
    Promise.reject(new Violation(`The gate ended with ${code} at its start`)),
  );
  early.catch(() => undefined);
  await inTime(Promise.race([once(child, 'ready'), early]), 'the start of the gate');
  return {
    pid: child.pid ?? 0,
    auditPath,
    url: (server) => `http://127.0.0.1:${port}/mcp/${server}`,
    async numbers() {
      const answer = once<{ numbers: Numbers }>(child, 'numbers');
      child.send('numbers');
      return (await inTime(answer, 'the numbers of the gate')).numbers;
    },
    revoke: (principalKey) => void child.send({ principalKey }),
    signal: (signal) => void child.kill(signal),
    told,
    ended,
    get isRunning() {
      return isRunning;
    },
  };
}

/** The next message that has such a member. */
function once<T extends object>(child: ChildProcess, member: string): Promise<T> {
  return new Promise((resolve) => {
    const listen = (message: object): void => {
      if (!(member in message)) return;
      child.off('message', listen);
      resolve(message as T);
    };
    child.on('message', listen);
  });
}

function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
