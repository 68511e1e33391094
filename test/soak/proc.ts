import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What the system says of processes. Linux only, as the files of /proc are. */

/** Whether there is such a process that still runs. */
export function isAlive(pid: number): boolean {
  const state = stateOf(pid);
  return state !== undefined && state !== 'Z' && state !== 'X';
}

function stateOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).charAt(0);
}

/** The processes that a process has started and that still run. */
export function childrenOf(pid: number): readonly number[] {
  return list(`/proc/${pid}/task`)
    .flatMap((task) => (read(`/proc/${pid}/task/${task}/children`) ?? '').split(' '))
    .filter((text) => text.trim() !== '')
    .map(Number)
    .filter(isAlive);
}

/** Open files of a process, counted by kind: `socket`, `pipe`, `file`, and the kinds of the system's own. */
export function openFilesOf(pid: number): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of list(`/proc/${pid}/fd`)) {
    const kind = kindOf(`/proc/${pid}/fd/${name}`);
    if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

function kindOf(path: string): string | undefined {
  try {
    const target = readlinkSync(path);
    return target.startsWith('/') ? 'file' : (/^(\w+):/.exec(target)?.[1] ?? target);
  } catch {
    return undefined;
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
