import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CLIENTS, connectV2 } from '../support/clients.ts';
import { freePort, startGate } from '../support/gate-harness.ts';

const program = (name: string): string =>
  fileURLToPath(new URL(`node_modules/@modelcontextprotocol/${name}/dist/index.js`, import.meta.url));
const EVERYTHING = [process.execPath, program('server-everything')];

/** The same server over Streamable HTTP, in a process of its own. */
async function startEverything(): Promise<string> {
  const port = await freePort();
  const child = spawn(process.execPath, [program('server-everything'), 'streamableHttp'], {
    env: { PATH: process.env['PATH'], PORT: String(port) },
    stdio: 'ignore',
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const url = `http://127.0.0.1:${port}/mcp`;
  await expect
    .poll(
      () =>
        fetch(url)
          .then(({ status }) => status)
          .catch(() => 0),
      { timeout: 20_000 },
    )
    .toBeGreaterThan(0);
  return url;
}

describe.each([
  ['[config/servers-command] as a command', async () => ({ command: EVERYTHING })],
  ['[config/servers-remote] elsewhere', async () => ({ url: await startEverything() })],
])('server-everything %s', (_name, startServer) => {
  test.each(CLIENTS)('answers $client with tools, prompts and resources', async ({ connect }) => {
    const { url, token } = await startGate({ servers: { everything: await startServer() } });
    const client = await connect(url, await token());
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    const echo = await client.callTool({ name: 'echo', arguments: { message: 'hello' } });
    expect(JSON.stringify(echo)).toContain('hello');
    expect((await client.listPrompts()).prompts.length).toBeGreaterThan(0);
    const { resources } = await client.listResources();
    const read = await client.readResource({ uri: resources[0]?.uri ?? '' });
    expect(read.contents.length).toBeGreaterThan(0);
  });

  test('tells of progress before the result', async () => {
    const { url, token } = await startGate({ servers: { everything: await startServer() } });
    const client = await connectV2(url, await token());
    const heard: number[] = [];
    await client.callTool(
      { name: 'trigger-long-running-operation', arguments: { duration: 0.2, steps: 4 } },
      { onprogress: ({ progress }) => void heard.push(progress) },
    );
    expect(heard).toEqual([1, 2, 3, 4]);
  });

  test('serves a protocol session', async () => {
    const sessions = { mode: 'stateful' } as const;
    const { url, token } = await startGate({
      servers: { everything: { ...(await startServer()), sessions } },
    });
    const client = await connectV2(url, await token(), 'legacy');
    const sum = await client.callTool({ name: 'get-sum', arguments: { a: 2, b: 3 } });
    expect(JSON.stringify(sum)).toContain('5');
  });
});

describe.each(['auto', 'legacy'] as const)(
  '[config/servers-command] server-everything and its questions',
  (mode) => {
    test(`reach the person behind the client (${mode})`, async () => {
      const server = { command: EVERYTHING, sessions: { mode: 'stateful' } } as const;
      const { url, token } = await startGate({ servers: { everything: server } });
      const client = new Client(
        { name: 'test', version: '1.0.0' },
        { versionNegotiation: { mode }, capabilities: { elicitation: { form: {} } } },
      );
      onTestFinished(() => client.close());
      client.setRequestHandler('elicitation/create', async () => ({
        action: 'accept',
        content: { name: 'Ada' },
      }));
      const requestInit = { headers: { authorization: `Bearer ${await token()}` } };
      await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
      const asked = await client.callTool({ name: 'trigger-elicitation-request', arguments: {} });
      expect(JSON.stringify(asked)).toContain('Name: Ada');
    });
  },
);

describe('[config/servers-command] server-filesystem', () => {
  test('reads below its directory, and nothing else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gatehouse-files-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, 'note.txt'), 'under the mat');
    const command = [process.execPath, program('server-filesystem'), '.'];
    const { url, token } = await startGate({
      servers: { files: { command, cwd: folder } },
      authorization: { tools: { 'files/write_*': { scopes: ['files:write'] } } },
    });
    const client = await connectV2(url, await token());
    const { tools } = await client.listTools();
    const names = tools.map(({ name }) => name);
    expect(names).toContain('read_text_file');
    const read = (path: string) => client.callTool({ name: 'read_text_file', arguments: { path } });
    expect(JSON.stringify(await read(join(folder, 'note.txt')))).toContain('under the mat');
    expect(await read('/etc/hostname')).toMatchObject({ isError: true });
    await expect(
      client.callTool({ name: 'write_file', arguments: { path: join(folder, 'x'), content: 'x' } }),
    ).rejects.toThrow();
  });
});
