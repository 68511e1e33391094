import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('./tool-level-stdio-server.ts', import.meta.url));

let child: ChildProcessWithoutNullStreams | undefined;

afterEach(() => {
  child?.kill();
});

interface Answer {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly result?: { readonly structuredContent?: unknown; readonly isError?: unknown };
}

/** Sends each request when the one before is answered; gives back every line the server wrote. */
async function converse(server: ChildProcessWithoutNullStreams, requests: readonly object[]) {
  const stdout: string[] = [];
  let stderr = '';
  server.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  for (const request of requests) {
    server.stdin.write(`${JSON.stringify(request)}\n`);
    if (!('id' in request)) continue;
    for (;;) {
      const line = await lines.next();
      if (line.done === true) throw new Error(`the server ended early: ${stderr}`);
      stdout.push(line.value);
      if (line.value.includes(`"id":${String(request.id)}`)) break;
    }
  }
  server.stdin.end();
  await new Promise((resolve) => server.once('close', resolve));
  return { stdout, stderr: stderr.split('\n').filter((line) => line !== '') };
}

describe('a tool-level server over stdio', () => {
  it('[mcp-auth/defect.stdio-logs] writes protocol messages and nothing else to stdout', async () => {
    child = spawn(process.execPath, ['--import', 'jiti/register', program]);
    const { stdout, stderr } = await converse(child, [
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: {
          protocolVersion: '2025-06-18',
          capabilities: {},
          clientInfo: { name: 'raw', version: '1' },
        },
      },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 2, method: 'tools/list' },
      { jsonrpc: '2.0', id: 3, method: 'tools/call', params: { name: 'get_data', arguments: { id: 'a' } } },
      { jsonrpc: '2.0', id: 4, method: 'tools/call', params: { name: 'fail' } },
    ]);

    const answers = stdout.map((line) => JSON.parse(line) as Answer);
    expect(answers.map(({ jsonrpc, id }) => ({ jsonrpc, id }))).toEqual(
      [1, 2, 3, 4].map((id) => ({ jsonrpc: '2.0', id })),
    );
    expect(answers[2]?.result?.structuredContent).toEqual({ found: 'a' });
    expect(answers[3]?.result?.isError).toBe(true);

    const entries = stderr.map((line) => JSON.parse(line) as { readonly message: string });
    const calls = ['tool call started', 'tool call completed', 'tool call started', 'tool call failed'];
    expect(entries.map(({ message }) => message)).toEqual([...calls, 'tool call failed']);
  });
});
