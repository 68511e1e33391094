import { type ChildProcess, spawn } from 'node:child_process';
import { cpuNanoseconds, pinnedToServerCore } from './cpu.ts';

/** What every arm is told when it starts. */
export interface ArmInput {
  readonly issuer: string;
  readonly jwksUri: string;
  /** Audience of the tokens: the resource that every arm serves. */
  readonly resource: string;
  /** Origin of {@link resource}. */
  readonly publicUrl: string;
  /** What the tool demands. */
  readonly scope: string;
  /** Number of tools. */
  readonly tools: number;
  /** What else the arm is told. */
  readonly mode: string;
  /** A directory for its files. */
  readonly directory: string;
  /** The built package under test. */
  readonly dist: string;
  /** For the arm that runs in process. */
  readonly tokens: readonly string[];
}

export interface ArmProcess {
  readonly pid: number;
  /** Path of the endpoint, with the port on 127.0.0.1. */
  readonly port: number;
  readonly path: string;
  readonly cpu: () => number;
  /** Asks an arm that runs in process; rejects when it ends. */
  ask(message: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

interface Ready {
  readonly port?: number;
  readonly path?: string;
}

const START_TIMEOUT_MS = 60_000;

/** Starts one arm on the server's core and waits until it serves. */
export async function startArm(script: string, input: ArmInput, pin: boolean): Promise<ArmProcess> {
  const [command = '', ...args] = pinnedToServerCore([process.execPath, '--expose-gc', script], pin);
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production', NODE_NO_WARNINGS: '1' },
  });
  let complaints = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-4000);
  });
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('exit', (code) =>
      reject(new Error(`${script} ended with ${code ?? 'a signal'}: ${complaints}`)),
    );
  });
  ended.catch(() => undefined);
  child.send(input);
  const ready = (await inTime(Promise.race([nextMessage(child), ended]), script)) as Ready;
  const pid = child.pid ?? 0;
  return {
    pid,
    port: ready.port ?? 0,
    path: ready.path ?? '/mcp',
    cpu: () => cpuNanoseconds(pid),
    ask: (message) => {
      const answer = nextMessage(child);
      child.send(message as object);
      return Promise.race([answer, ended]);
    },
    stop: async () => {
      const gone = ended.catch(() => undefined);
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => child.once('message', resolve));
}

async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not start in time`)), START_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
