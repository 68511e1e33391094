import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** Path of a fixture. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
}

/** A command line that does what `mode` says and writes the ids of its processes into `file`. */
export function misbehaving(mode: string, file?: string): readonly string[] {
  return [process.execPath, fixture('misbehaving.mjs'), mode, ...(file === undefined ? [] : [file])];
}

/** A file for the ids of processes, and what is in it. */
export async function pidFile(): Promise<{ readonly path: string; pids(): Promise<readonly number[]> }> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-upstream-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'pids');
  return {
    path,
    async pids() {
      const text = await readFile(path, 'utf8').catch(() => '');
      return text.split('\n').filter(Boolean).map(Number);
    },
  };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A busy machine takes its time to start and to end a process. */
export const PATIENT = { timeout: 15_000 };
