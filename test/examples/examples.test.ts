import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TIMEOUT_MS = 60_000;

function start(script: string, args: readonly string[] = []) {
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], { cwd: ROOT });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output };
}

async function run(
  script: string,
  args: readonly string[],
): Promise<{ code: number | null; output: string }> {
  const { child, output } = start(script, args);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: output() };
}

describe('examples check themselves', () => {
  it.each([
    ['simple-stdio', '[mcp-auth/examples.simple-stdio]'],
    ['wrapped-server', '[mcp-auth/examples.wrapped-server]'],
    ['tool-level-auth', '[mcp-auth/examples.tool-level-auth]'],
    ['jwt-multi-tenant', '[mcp-auth/examples.jwt-multi-tenant]'],
    ['auth-token', 'directly, through POST /mcp/invoke and as a client of MCP'],
    ['auth0', 'directly, through POST /mcp/invoke and as a client of MCP, with mock and real tokens'],
    ['simple-auth', 'step by step'],
  ])(
    '%s plays its story %s',
    async (name) => {
      const { code, output } = await run(`examples/${name}/main.ts`, ['--check']);
      expect(code, output).toBe(0);
      expect(output).toContain(`${name}: `);
    },
    TIMEOUT_MS,
  );
});

describe('the demo', () => {
  it(
    'plays its story with real clients and exits 0',
    async () => {
      const { code, output } = await run('examples/demo/main.ts', ['--once']);
      expect(code, output).toBe(0);
      for (const line of [
        'without a token: 401',
        'alice sees',
        'Unknown tool: purge_all',
        'notes:write',
        '5/5',
        'audit:',
      ]) {
        expect(output).toContain(line);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'says where it is in one JSON line, serves its tokens, and ends on SIGTERM',
    async () => {
      const { child } = start('examples/demo/main.ts', ['--json', '--port', '0']);
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
      const ready = JSON.parse(line) as { ready: boolean; url: string; tokens: Record<string, string> };
      expect(ready).toMatchObject({
        ready: true,
        tokens: { alice: expect.any(String), bob: expect.any(String) },
      });
      const response = await fetch(ready.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          authorization: `Bearer ${ready.tokens['admin']}`,
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
      });
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('purge_all')]);
      child.kill('SIGTERM');
      const [code] = (await once(child, 'exit')) as [number | null];
      expect(code).toBe(0);
    },
    TIMEOUT_MS,
  );
});
