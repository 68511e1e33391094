import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
}

/** A process that was started, with whatever it starts itself. */
export interface CommandProcess {
  readonly stdin: ChildProcessWithoutNullStreams['stdin'];
  readonly stdout: ChildProcessWithoutNullStreams['stdout'];
  readonly stderr: ChildProcessWithoutNullStreams['stderr'];
  /** Resolves once it runs. Rejects when it cannot be started. */
  readonly started: Promise<void>;
  /** Resolves when it is gone and what it wrote has been read. Never rejects. */
  readonly ended: Promise<Ending>;
  /** Ends it: the end of its input, then SIGTERM, then SIGKILL, to all it has started. Safe to call twice. */
  stop(patience?: Patience): Promise<void>;
}

export interface Ending {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** How long each step of stopping may take. */
export interface Patience {
  readonly inputEndMs: number;
  readonly sigtermMs: number;
  readonly sigkillMs: number;
}

const PATIENCE: Patience = { inputEndMs: 1000, sigtermMs: 2000, sigkillMs: 1000 };
const OUTPUT_END_MS = 500;
const IS_WINDOWS = process.platform === 'win32';

/** Starts a command without a shell, as the leader of a process group of its own. */
export function startCommand({ command, args, env, cwd }: CommandLine): CommandProcess {
  const child = spawn(command, [...args], {
    env,
    cwd,
    shell: false,
    // Its own group, so that what `npx` starts ends with it.
    detached: !IS_WINDOWS,
    windowsHide: true,
    stdio: 'pipe',
  });
  // Told to whoever waits for its start or end; later ones are of signals that reach nobody.
  child.on('error', () => undefined);
  const started = new Promise<void>((resolve, reject) => {
    child.once('spawn', () => {
      living.add(child);
      resolve();
    });
    child.once('error', reject);
  });
  started.catch(() => undefined);
  const ended = whenEnded(child);
  let stopping: Promise<void> | undefined;
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    started,
    ended,
    stop: (patience = PATIENCE) => (stopping ??= stop(child, ended, patience)),
  };
}

function whenEnded(child: ChildProcessWithoutNullStreams): Promise<Ending> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ exitCode: null, signal: null }));
    child.once('exit', (exitCode, signal) => {
      living.delete(child);
      // Whatever it leaves behind would hold its pipes open, and the user's token.
      signalGroup(child, 'SIGKILL');
      const end = (): void => {
        clearTimeout(timer);
        // What has left the group would be listened to for as long as it lives.
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
        resolve({ exitCode, signal });
      };
      const timer = setTimeout(end, OUTPUT_END_MS).unref();
      child.once('close', end);
    });
  });
}

async function stop(
  child: ChildProcessWithoutNullStreams,
  ended: Promise<Ending>,
  { inputEndMs, sigtermMs, sigkillMs }: Patience,
): Promise<void> {
  child.stdin.end();
  // What it still has to say is for nobody, and must not keep it.
  child.stdout.resume();
  child.stderr.resume();
  if (await endsWithin(ended, inputEndMs)) return;
  signalGroup(child, 'SIGTERM');
  if (await endsWithin(ended, sigtermMs)) return;
  signalGroup(child, 'SIGKILL');
  await endsWithin(ended, sigkillMs);
}

function endsWithin(ended: Promise<Ending>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    void ended.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

function signalGroup({ pid }: ChildProcessWithoutNullStreams, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return;
  try {
    process.kill(IS_WINDOWS ? pid : -pid, signal);
  } catch {
    // Nobody is left there.
  }
}

/** Marks listeners of this package, of other copies of it too: they are no host. */
const OURS = Symbol.for('mcp-gatehouse/signal-listener');

/** Processes that run, so that none outlives this one. */
const living = createLiving();

function createLiving() {
  const children = new Set<ChildProcessWithoutNullStreams>();
  const killAll = (): void => {
    for (const child of children) signalGroup(child, 'SIGKILL');
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    // A host that listens decides for itself; otherwise the signal ends this process, as it would have.
    if (!process.listeners(signal).every((listener) => OURS in listener)) return;
    killAll();
    process.off(signal, onSignal);
    process.kill(process.pid, signal);
  };
  Object.defineProperty(onSignal, OURS, { value: true });
  const watch = (): void => {
    process.on('exit', killAll);
    // First of all: a host that listens once is no longer among the listeners when its turn has come.
    for (const signal of SIGNALS) process.prependListener(signal, onSignal);
  };
  const unwatch = (): void => {
    process.off('exit', killAll);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  return {
    add(child: ChildProcessWithoutNullStreams): void {
      if (children.size === 0) watch();
      children.add(child);
    },
    delete(child: ChildProcessWithoutNullStreams): void {
      if (children.delete(child) && children.size === 0) unwatch();
    },
  };
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
