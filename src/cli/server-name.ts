/** Programs that run a package, and words of theirs that come before its name. */
const RUNNERS: ReadonlySet<string> = new Set([
  'npx',
  'bunx',
  'pnpx',
  'uvx',
  'pipx',
  'npm',
  'pnpm',
  'yarn',
  'bun',
]);
const INTERPRETERS: ReadonlySet<string> = new Set(['node', 'python', 'python3', 'deno', 'tsx']);
const VERBS: ReadonlySet<string> = new Set(['run', 'exec', 'dlx', 'x', 'tool']);

/** A name for the server that a command is: of the package or the script that it runs, else of the program. */
export function serverNameOf([program = '', ...args]: readonly string[]): string {
  const runner = baseName(program);
  const isKnown = RUNNERS.has(runner) || INTERPRETERS.has(runner);
  const target = isKnown ? args.find((word) => !word.startsWith('-') && !VERBS.has(word)) : undefined;
  const name = baseName(target ?? program)
    // Of `server@1.2.3`.
    .replace(/(?<=.)@.*$/, '')
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63);
  return name === '' ? 'server' : name;
}

function baseName(path: string): string {
  const last = path.split(/[/\\]/).findLast((part) => part !== '') ?? '';
  return last.replace(/\.(?:exe|cmd|js|mjs|cjs|ts|py|sh)$/i, '');
}
