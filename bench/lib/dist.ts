import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTemporaryDirectory, type TemporaryDirectory } from './temporary.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * A copy of a built package, so that building it anew while it is measured changes nothing. It lies where it finds the
 * dependencies of the root, and not the peers.
 */
export function copyDist(from: string = join(ROOT, 'dist')): TemporaryDirectory {
  if (!existsSync(join(from, 'index.js'))) throw new Error(`${from} holds no built package: npm run build`);
  const cache = join(ROOT, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const parent = createTemporaryDirectory(cache);
  writeFileSync(join(parent.path, 'package.json'), '{ "type": "module" }\n');
  const path = join(parent.path, 'dist');
  cpSync(from, path, { recursive: true });
  return { path, remove: parent.remove };
}
