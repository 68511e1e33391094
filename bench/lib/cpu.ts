import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const SERVER_CORE = '0';
const GENERATOR_CORE = '1';

/** Nanoseconds that all threads of a process have run so far: the pool's and the collector's too. */
export function cpuNanoseconds(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  let total = 0;
  for (const task of readdirSync(tasks)) {
    try {
      total += Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // The thread ended between the two looks.
    }
  }
  return total;
}

/** Bytes of a process that are in memory. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Whether servers and generator can be kept apart. */
export function canPin(): boolean {
  if (availableParallelism() < 2) return false;
  try {
    execFileSync('taskset', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Moves this process, with all its threads, to the generator's core. */
export function pinGenerator(): void {
  execFileSync('taskset', ['-apc', GENERATOR_CORE, String(process.pid)], { stdio: 'ignore' });
}

/** The command line of a server, kept to the server's core. */
export function pinnedToServerCore(command: readonly string[], pin: boolean): readonly string[] {
  return pin ? ['taskset', '-c', SERVER_CORE, ...command] : command;
}
