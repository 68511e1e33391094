import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = fileURLToPath(new URL('../interop/node_modules', import.meta.url));
const SUITE = join(PACKAGES, '@modelcontextprotocol/conformance/dist/index.js');
/** The suite itself does not start on the Node that the gate runs on. This one runs TypeScript as it is. */
export const NODE = join(PACKAGES, `node-24-${process.arch}/bin/node`);
const TIMEOUT_MS = 300_000;

/** A revision of the specification that the suite has requirements for. */
export type Revision = '2025-11-25' | '2026-07-28';

export interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  readonly errorMessage?: string;
}

export interface Judgement {
  /** Of the suite: 0 when every scenario that it scores has passed. */
  readonly exitCode: number;
  /** Every check of every scenario that ran, by the scenario's name. */
  readonly scenarios: ReadonlyMap<string, readonly Check[]>;
  /** What the suite wrote. */
  readonly output: string;
}

/** Runs the suite's server scenarios for one revision, with its results in a folder of their own. */
export async function judge(url: string, revision: Revision, folder: string): Promise<Judgement> {
  for (const path of [SUITE, NODE]) {
    if (!existsSync(path)) throw new Error(`${path} is missing: run npm ci --prefix test/interop`);
  }
  const args = [SUITE, 'server', '--url', url, '--requirements', revision, '-o', folder];
  const { exitCode, output } = await run(args);
  return { exitCode, output, scenarios: await readChecks(folder) };
}

function run(args: readonly string[]): Promise<{ exitCode: number; output: string }> {
  const options = {
    timeout: TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, NO_COLOR: '1' },
  };
  return new Promise((resolve) => {
    execFile(NODE, [...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ exitCode: code, output: `${stdout}\n${stderr}` });
    });
  });
}

async function readChecks(folder: string): Promise<ReadonlyMap<string, readonly Check[]>> {
  const scenarios = new Map<string, readonly Check[]>();
  for (const entry of await readdir(folder).catch(() => [])) {
    const name = /^server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/.exec(entry)?.[1];
    if (name === undefined) throw new Error(`The suite left ${entry}, which is the name of no scenario`);
    if (scenarios.has(name)) throw new Error(`The suite ran ${name} twice`);
    const text = await readFile(join(folder, entry, 'checks.json'), 'utf8');
    scenarios.set(name, JSON.parse(text) as readonly Check[]);
  }
  return scenarios;
}
