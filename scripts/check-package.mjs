// Packs the package, installs the tarball in an empty project and uses it as its users would: every
// export is imported, its types are checked as strictly as they can be, and the command prints its help.
// Needs a build.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Exports that must work where no SDK is installed: both are optional peers. */
const WITHOUT_PEERS = ['.', './config', './testing'];
/** What may be in the tarball; sources and tests may not. */
const PUBLISHED = /^(dist\/(?!.*\.test\.).+\.(js|d\.ts)|schema\/.+\.json|[A-Z]+(\.md)?|package\.json)$/;

/** What a command prints; when it fails, its output is the message. */
function run(command, args, cwd) {
  const { status, stdout, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed\n${error ?? stdout}`);
  return stdout;
}

function pack(directory) {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory];
  const [{ filename, files, size }] = JSON.parse(run('npm', args, root));
  const stray = files.map(({ path }) => path).filter((path) => !PUBLISHED.test(path));
  if (stray.length > 0) throw new Error(`not to be published: ${stray.join(', ')}`);
  console.log(`${filename}: ${files.length} files, ${size} bytes`);
  return join(directory, filename);
}

function toSpecifier(subpath) {
  return subpath === '.' ? manifest.name : `${manifest.name}/${subpath.slice(2)}`;
}

function importAll(subpaths, directory) {
  for (const subpath of subpaths) {
    const specifier = toSpecifier(subpath);
    const attributes = subpath.endsWith('.json') ? `, { with: { type: 'json' } }` : '';
    const source = `console.log(Object.keys(await import('${specifier}'${attributes})).length)`;
    const count = run(process.execPath, ['--input-type=module', '--eval', source], directory).trim();
    if (Number(count) === 0) throw new Error(`${specifier} exports nothing`);
    console.log(`${specifier}: ${count} names`);
  }
}

/** Every declaration file behind the exports is checked, not only what a user happens to touch. */
function checkTypes(subpaths, directory) {
  const imports = subpaths
    .filter((subpath) => !subpath.endsWith('.json'))
    .map((subpath, index) => `import type * as use${index} from '${toSpecifier(subpath)}';`);
  const names = imports.map((_, index) => `typeof use${index}`);
  writeFileSync(
    join(directory, 'use.ts'),
    [...imports, `export type All = [${names.join(', ')}];`].join('\n'),
  );
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    types: ['node'],
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', directory], directory);
  console.log(`types of ${imports.length} exports hold`);
}

const directory = mkdtempSync(join(tmpdir(), 'check-package-'));
try {
  const tarball = pack(directory);
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  run('npm', ['install', '--ignore-scripts', '--omit=peer', tarball], directory);
  importAll(WITHOUT_PEERS, directory);

  const added = [...Object.keys(manifest.peerDependencies), '@types/node'];
  const versions = added.map((name) => `${name}@${manifest.devDependencies[name]}`);
  run('npm', ['install', '--ignore-scripts', ...versions], directory);
  importAll(Object.keys(manifest.exports), directory);
  checkTypes(Object.keys(manifest.exports), directory);

  for (const command of Object.keys(manifest.bin)) {
    const help = run('npx', ['--no-install', command, '--help'], directory);
    if (!help.includes(`Usage: ${command}`)) throw new Error(`${command} --help prints no usage`);
    console.log(help.split('\n', 1)[0]);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
