import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface DemoProcess {
  readonly urls: { readonly notes: string; readonly reports: string };
  readonly tokens: { readonly alice: string; readonly bob: string; readonly admin: string };
  stop(): Promise<void>;
}

/** The demo's gate, as a process of its own. */
export async function startDemoProcess(): Promise<DemoProcess> {
  const args = ['--import', 'tsx', 'examples/demo/main.ts', '--json', '--port', '0'];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    exited.then(() => Promise.reject(new Error('The demo ended before it was ready'))),
  ])) as [string];
  const { urls, tokens } = JSON.parse(line) as Pick<DemoProcess, 'urls' | 'tokens'>;
  return {
    urls,
    tokens,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
