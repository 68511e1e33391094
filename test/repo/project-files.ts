import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root directory, without a slash at the end. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');

const SKIPPED = new Set(['node_modules', 'dist', 'coverage']);

/** Paths below `directory` (relative to the root, `/` between parts) that end in one of `endings`, sorted. */
export function listFiles(directory: string, ...endings: readonly string[]): readonly string[] {
  const found: string[] = [];
  const visit = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.name.startsWith('.') || SKIPPED.has(entry.name)) continue;
      const child = join(path, entry.name);
      if (entry.isDirectory()) visit(child);
      else if (endings.some((ending) => entry.name.endsWith(ending))) {
        found.push(relative(ROOT, child).split(sep).join('/'));
      }
    }
  };
  visit(join(ROOT, directory));
  return found.sort();
}

/** The text of a file named relative to the root. */
export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** A JSON file named relative to the root; the caller checks its shape. */
export function readJson(path: string): unknown {
  return JSON.parse(readText(path));
}

/** The parts of package.json that the tests look at. */
export interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly files: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

export function readManifest(): Manifest {
  return readJson('package.json') as Manifest;
}
