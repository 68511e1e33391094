import { spawn } from 'node:child_process';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { describe, expect, onTestFinished, test } from 'vitest';
import { toNode } from '../../src/adapters/node.ts';
import { serveStdio } from '../../src/adapters/stdio.ts';
import { environment } from '../../src/config/environment.ts';
import { AuthenticationError, ConfigurationError } from '../../src/core/errors.ts';
import { createGate } from '../../src/gate.ts';
import { CLIENTS } from '../support/clients.ts';
import { NOTES_RULES, TOOLS } from '../support/notes.ts';
import { type NotesGate, startNotes } from '../support/notes-gate.ts';
import { notesFactory } from '../support/notes-server.ts';
import { type Call, ERAS, type HeaderPairs, type RawResponse, raw, rpc } from '../support/wire.ts';
import { subscribe } from './fixtures/subscription.ts';

/** What someone without scopes and roles is shown. */
const SHOWN = TOOLS.filter((name) => name !== 'purge');

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers as far as they tell a decision: without what differs from one request to the next. */
function decisionOf({ status, headers, json }: RawResponse) {
  return { status, challenge: headers['www-authenticate'], type: headers['content-type'], json };
}

/** Requests for which a gate decides differently. */
function requestsOf(
  era: Call['era'],
  token: string,
): Readonly<Record<string, (origin: string) => Promise<RawResponse>>> {
  const call =
    (name: string, given?: string, headers: HeaderPairs = []) =>
    (origin: string) =>
      rpc(`${origin}/mcp`, {
        era,
        token: given,
        method: 'tools/call',
        params: { name, arguments: {} },
        headers,
      });
  return {
    nobody: call('whoami'),
    'a bad token': call('whoami', 'bad'),
    'two credentials': call('whoami', token, [['x-api-key', 'mcp_1']]),
    'an allowed call': call('whoami', token),
    'a scope that is missing': call('write', token),
    'a hidden tool': call('purge', token),
    'an unknown tool': call('nothing', token),
    'a list': (origin) => rpc(`${origin}/mcp`, { era, token, method: 'tools/list' }),
    'a foreign host': call('whoami', token, [['host', 'evil.example']]),
    'a foreign origin': call('whoami', token, [['origin', 'https://evil.example']]),
    'no JSON': (origin) =>
      raw(`${origin}/mcp`, {
        method: 'POST',
        headers: [
          ['authorization', `Bearer ${token}`],
          ['content-type', 'application/json'],
        ],
        body: '{',
      }),
    'another path': (origin) => raw(`${origin}/elsewhere`),
    'the metadata': (origin) => raw(`${origin}/.well-known/oauth-protected-resource/mcp`),
  };
}

describe('[config/adapters] toNode', () => {
  test.each(ERAS)('decides as the listener of the gate does (%s)', async (era) => {
    const notes = await startNotes({ authorization: NOTES_RULES });
    const mounted = await serve(toNode(notes.gate));
    const statuses: Record<string, number> = {};
    for (const [name, ask] of Object.entries(requestsOf(era, await notes.token()))) {
      const answer = await ask(mounted);
      expect({ name, ...decisionOf(answer) }).toEqual({ name, ...decisionOf(await ask(notes.origin)) });
      statuses[name] = answer.status;
    }
    expect(statuses).toEqual({
      nobody: 401,
      'a bad token': 401,
      'two credentials': 400,
      'an allowed call': 200,
      'a scope that is missing': 403,
      'a hidden tool': statuses['an unknown tool'],
      'an unknown tool': expect.any(Number),
      'a list': 200,
      'a foreign host': 403,
      'a foreign origin': 403,
      'no JSON': 400,
      'another path': 404,
      'the metadata': 200,
    });
    expect(notes.runs.calls.map(({ tool }) => tool)).toEqual(['whoami', 'whoami']);
  });

  /** A server of one's own that hands some of its paths to the gate. */
  function inApp({ gate }: NotesGate): Promise<string> {
    const handle = toNode(gate);
    return serve((request, response) => {
      const { url = '/' } = request;
      if (url.startsWith('/mcp') || url.startsWith('/.well-known/')) handle(request, response);
      else response.end('the app');
    });
  }

  test.each(CLIENTS)('serves a $client from a part of a server', async ({ connect }) => {
    const notes = await startNotes({ authorization: NOTES_RULES });
    const origin = await inApp(notes);
    expect((await raw(`${origin}/`)).text).toBe('the app');
    const client = await connect(`${origin}/mcp`, await notes.token());
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name).toSorted()).toEqual(SHOWN);
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'héllo' } });
    expect(content).toEqual([{ type: 'text', text: 'héllo' }]);
  });

  test('keeps streams open, and ends them with the gate', async () => {
    const notes = await startNotes();
    const origin = await inApp(notes);
    const stream = await subscribe({ url: `${origin}/mcp`, token: await notes.token() });
    notes.gate.notify({ server: 'notes', change: 'tools' });
    await stream.next(({ method }) => String(method) === 'notifications/tools/list_changed');
    await notes.gate.close();
    expect((await stream.ended).clean).toBe(true);
    expect((await raw(`${origin}/mcp`)).status).toBe(503);
    expect((await raw(`${origin}/`)).text).toBe('the app');
  });

  test('takes no gate that is for stdio only', async () => {
    const gate = await createGate({
      servers: { notes: { factory: notesFactory() } },
      auth: [{ type: 'environment' }],
    });
    onTestFinished(() => gate.close());
    expect(() => toNode(gate)).toThrow(ConfigurationError);
    await expect(gate.listen()).rejects.toBeInstanceOf(ConfigurationError);
    await expect(gate.fetch(new Request('http://127.0.0.1:3000/mcp'))).rejects.toBeInstanceOf(
      ConfigurationError,
    );
  });
});

const PROGRAM = fileURLToPath(new URL('./fixtures/stdio-gate.ts', import.meta.url));
const ARGUMENTS = ['--import', import.meta.resolve('tsx'), PROGRAM];
const MODES = ['auto', 'legacy'] as const;

/** A client of the gate of notes in a process of its own. */
async function connectStdio(
  mode: (typeof MODES)[number],
  env: Readonly<Record<string, string>>,
): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode } });
  onTestFinished(() => client.close());
  const path = environment()['PATH'] ?? '';
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: ARGUMENTS,
      env: { PATH: path, ...env },
      stderr: 'ignore',
    }),
  );
  return client;
}

describe('[config/adapters] serveStdio', { timeout: 60_000 }, () => {
  test.each(MODES)('decides for the user of the environment as over HTTP (%s)', async (mode) => {
    const client = await connectStdio(mode, { MCP_USER_ID: 'alice' });
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name).toSorted()).toEqual(SHOWN);
    const { content } = await client.callTool({ name: 'whoami' });
    expect(content).toEqual([{ type: 'text', text: 'alice' }]);

    await expect(client.callTool({ name: 'write' })).rejects.toMatchObject({
      code: -32052,
      data: { code: 'INSUFFICIENT_SCOPE', remedy: { kind: 'scopes', scopes: ['notes:write'] } },
    });
    for (const name of ['purge', 'nothing']) {
      const unknown = { code: -32602, message: `Unknown tool: ${name}`, data: undefined };
      await expect(client.callTool({ name })).rejects.toMatchObject(unknown);
    }
    // A refusal ends nothing.
    expect((await client.callTool({ name: 'echo', arguments: { text: 'on' } })).isError).not.toBe(true);
  });

  test('serves nobody without a user', async () => {
    await expect(connectStdio('auto', {})).rejects.toThrow();
  });

  test('is for someone in the environment: a provider that asks for a credential finds none', async () => {
    const gate = await createGate({
      servers: { notes: { factory: notesFactory() } },
      auth: [{ type: 'jwt', secret: 'a shared secret of more than 32 bytes' }],
    });
    onTestFinished(() => gate.close());
    await expect(serveStdio(gate)).rejects.toBeInstanceOf(AuthenticationError);
  });

  test('ends by itself when its client has gone', async () => {
    const env = { PATH: environment()['PATH'], MCP_USER_ID: 'alice' };
    const child = spawn(process.execPath, ARGUMENTS, { env, stdio: ['pipe', 'pipe', 'ignore'] });
    onTestFinished(() => void child.kill());
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'test', version: '1.0.0' },
    };
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`);
    const line = await new Promise<Buffer>((resolve) => child.stdout.once('data', resolve));
    expect(JSON.parse(line.toString())).toMatchObject({ id: 1, result: { serverInfo: { name: 'notes' } } });
    child.stdin.end();
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
  });
});
