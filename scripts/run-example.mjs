// npm run example <name> [-- --check]: runs examples/<name>/main.ts from the sources.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [name = '', ...args] = process.argv.slice(2);
const root = fileURLToPath(new URL('../examples/', import.meta.url));
const main = `${root}${name}/main.ts`;

if (!/^[a-z0-9-]+$/.test(name) || !existsSync(main)) {
  console.error(`Name one of: ${readdirSync(root).join(', ')}`);
  process.exit(2);
}
const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
