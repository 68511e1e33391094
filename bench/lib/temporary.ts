import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export interface TemporaryDirectory {
  readonly path: string;
  remove(): void;
}

const present = new Set<TemporaryDirectory>();

process.once('exit', () => {
  for (const directory of present) directory.remove();
});

/** A directory that is gone, at the latest, when this process is. */
export function createTemporaryDirectory(parent: string): TemporaryDirectory {
  const path = mkdtempSync(join(parent, 'gatehouse-bench-'));
  const directory = {
    path,
    remove: () => {
      present.delete(directory);
      rmSync(path, { recursive: true, force: true });
    },
  };
  present.add(directory);
  return directory;
}
