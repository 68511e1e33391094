import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const packages = fileURLToPath(new URL('node_modules', import.meta.url));
const inspector = join(packages, '@modelcontextprotocol/inspector/clients/launcher/build/index.js');

/** The Inspector needs a newer Node than the gate does. */
function findNode(): string {
  const binary = join(packages, `node-24-${process.arch}/bin/node`);
  if (!existsSync(binary)) throw new Error(`${binary} is missing: run npm ci --prefix test/interop`);
  return binary;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the MCP Inspector's command line once, in a home of its own, and tells how it ended. */
export async function runInspector(
  url: string,
  token: string | undefined,
  ...args: readonly string[]
): Promise<Outcome> {
  const home = await mkdtemp(join(tmpdir(), 'inspector-'));
  const header = token === undefined ? [] : ['--header', `Authorization: Bearer ${token}`];
  const target = ['--cli', '--server-url', url, '--transport', 'http', '--format', 'json', ...header];
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    MCP_AUTO_OPEN_ENABLED: 'true',
    MCP_INSPECTOR_SECRET_STORE: 'memory',
  };
  try {
    const { stdout, stderr } = await run(findNode(), [inspector, ...target, ...args], {
      env,
      timeout: 45_000,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as Outcome;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
