import { Client, type Transport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';
import { inputRequired, inputResponse, McpServer } from '@modelcontextprotocol/server';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { connectV2 } from '../support/clients.ts';
import { startGate } from '../support/gate-harness.ts';
import { NOTES_RULES, SDKS } from '../support/notes.ts';
import { type NotesGate, startNotes } from '../support/notes-gate.ts';
import { askTicket, createWebSocketTransport, socketUrl } from '../support/websocket-client.ts';

const MODES = ['auto', 'legacy'] as const;
const BOTH = MODES.flatMap((mode) => SDKS.map((sdk) => ({ mode, sdk })));
const WEB_SOCKET = { webSocket: true } as const;

/** A client of SDK v1 over its own transport, which like a browser's cannot send a header: it comes with a ticket. */
async function connectV1(gate: NotesGate, token: string): Promise<ClientV1> {
  vi.stubGlobal('WebSocket', WebSocket);
  onTestFinished(() => void vi.unstubAllGlobals());
  const { url, ticket } = await askTicket(gate.url, { token });
  const client = new ClientV1({ name: 'test', version: '1.0.0' });
  onTestFinished(() => client.close());
  await client.connect(new WebSocketClientTransport(new URL(`${url}?ticket=${ticket}`)));
  return client;
}

function over(gate: { readonly url: string }, token: string): Transport {
  return createWebSocketTransport(socketUrl(gate.url), { token });
}

describe('[config/adapters-websocket] over a socket of the gate', () => {
  test.each(BOTH)('a client ($mode) of SDK v2 uses a server of SDK $sdk', async ({ mode, sdk }) => {
    const gate = await startNotes({ sdk, listen: WEB_SOCKET, authorization: NOTES_RULES });
    const client = await connectV2(over(gate, await gate.token()), undefined, mode);
    const names = (await client.listTools()).tools.map(({ name }) => name);
    expect(names).toContain('echo');
    expect(names).not.toContain('purge');
    const progress: number[] = [];
    const onprogress = (update: { readonly progress: number }) => progress.push(update.progress);
    const slow = await client.callTool({ name: 'slow' }, { onprogress });
    expect([slow['content'], progress]).toEqual([[{ type: 'text', text: 'done' }], [1, 2, 3]]);
    expect((await client.callTool({ name: 'whoami' }))['content']).toEqual([{ type: 'text', text: 'alice' }]);
    const prompts = (await client.listPrompts()).prompts.map(({ name }) => name);
    expect(prompts).not.toContain('confidential');
    expect((await client.readResource({ uri: 'notes://public/1' })).contents).toHaveLength(1);
    await expect(client.readResource({ uri: 'notes://secret/1' })).rejects.toThrow('Unknown resource');
  });

  test.each(SDKS)('a client of SDK v1 uses a server of SDK %s', async (sdk) => {
    const gate = await startNotes({ sdk, listen: WEB_SOCKET, authorization: NOTES_RULES });
    const client = await connectV1(gate, await gate.token());
    expect((await client.listTools()).tools.map(({ name }) => name)).not.toContain('purge');
    const result = await client.callTool({ name: 'whoami' });
    expect(result['content']).toEqual([{ type: 'text', text: 'alice' }]);
  });

  test.each(MODES)('every message is guarded and on record (%s)', async (mode) => {
    const gate = await startNotes({ listen: WEB_SOCKET, authorization: NOTES_RULES });
    const client = await connectV2(over(gate, await gate.token()), undefined, mode);
    await client.callTool({ name: 'echo', arguments: { text: 'a' } });
    await expect(client.callTool({ name: 'write' })).rejects.toThrow(/scope/i);
    await expect(client.callTool({ name: 'purge' })).rejects.toThrow(/purge/);
    await expect(client.callTool({ name: 'nothing' })).rejects.toThrow(/nothing/);
    expect(gate.runs.calls.map(({ tool }) => tool)).toEqual(['echo']);
    expect(gate.events.every(({ transport }) => transport === 'websocket')).toBe(true);
    expect(gate.events.every(({ subject }) => subject === 'alice')).toBe(true);
    const calls = gate.events.filter(({ method }) => method === 'tools/call');
    expect(calls.map(({ target, outcome }) => [target, outcome])).toEqual([
      ['echo', 'allow'],
      ['write', 'deny'],
      ['purge', 'deny'],
      ['nothing', 'deny'],
    ]);
    const methods = gate.events.map(({ method }) => method);
    expect(methods[0]).toBe('connect');
    if (mode === 'legacy') expect(methods).toContain('notifications/initialized');
  });

  test.each(MODES)('limits count over a socket as they do over HTTP (%s)', async (mode) => {
    const calls = [{ per: 'principal', rate: '8/day' }] as const;
    const gate = await startNotes({ listen: WEB_SOCKET, limits: { calls } });
    const client = await connectV2(over(gate, await gate.token()), undefined, mode);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => client.callTool({ name: 'whoami' })),
    );
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(gate.runs.calls.length + refused.length).toBe(10);
  });

  test('progress is counted and visible', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const factory = () => {
      const server = new McpServer({ name: 'steps', version: '1.0.0' });
      server.registerTool('step', { description: 'Steps' }, async ({ mcpReq }) => {
        const progressToken = mcpReq._meta?.progressToken ?? 0;
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
        await held;
        return { content: [] };
      });
      return server;
    };
    const gate = await startGate({ listen: WEB_SOCKET, servers: { steps: { factory } } });
    const token = await gate.token();
    const client = await connectV2(over(gate, token));
    const progress: unknown[] = [];
    const call = client.callTool({ name: 'step' }, { onprogress: (update) => progress.push(update) });
    await expect.poll(() => progress).toHaveLength(1);
    const headers = { authorization: `Bearer ${token}` };
    const stats = (await (await fetch(`${gate.url}/progress/stats`, { headers })).json()) as object;
    expect(stats).toMatchObject({ user: { userId: 'alice', activeStreams: 1, totalMessages: 1 } });
    release();
    await call;
  });

  test.each(MODES)('a call that is taken back ends in the server (%s)', async (mode) => {
    let began = false;
    let aborted = false;
    const factory = () => {
      const server = new McpServer({ name: 'endless', version: '1.0.0' });
      server.registerTool('hang', { description: 'Hangs' }, async ({ mcpReq: { signal } }) => {
        began = true;
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        aborted = true;
        return { content: [] };
      });
      return server;
    };
    const gate = await startGate({ listen: WEB_SOCKET, servers: { endless: { factory } } });
    const client = await connectV2(over(gate, await gate.token()), undefined, mode);
    const stop = new AbortController();
    const call = client.callTool({ name: 'hang' }, { signal: stop.signal });
    await expect.poll(() => began).toBe(true);
    stop.abort();
    await expect(call).rejects.toThrow();
    await expect.poll(() => aborted).toBe(true);
    await expect
      .poll(() => gate.events.filter(({ target }) => target === 'hang').map(({ code }) => code))
      .toEqual(['aborted']);
  });

  test.each(MODES)('a server asks its client (%s)', async (mode) => {
    const schema = {
      type: 'object',
      properties: { colour: { type: 'string' } },
      required: ['colour'],
    } as const;
    const factory = () => {
      const server = new McpServer({ name: 'curious', version: '1.0.0' });
      server.registerTool('paint', { description: 'Asks' }, ({ mcpReq }) => {
        const answer = inputResponse(mcpReq.inputResponses, 'colour');
        if (answer.kind !== 'elicit') {
          const requestedSchema = { ...schema, required: [...schema.required] };
          const colour = inputRequired.elicit({ message: 'Which?', requestedSchema });
          return inputRequired({ inputRequests: { colour } }) as never;
        }
        return { content: [{ type: 'text', text: JSON.stringify(answer.content) }] };
      });
      return server;
    };
    const gate = await startGate({ listen: WEB_SOCKET, servers: { curious: { factory } } });
    const client = new Client(
      { name: 'test', version: '1.0.0' },
      { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode } },
    );
    onTestFinished(() => client.close());
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { colour: 'red' } }));
    await client.connect(over(gate, await gate.token()));
    const { content } = await client.callTool({ name: 'paint' });
    expect(content).toEqual([{ type: 'text', text: '{"colour":"red"}' }]);
  });
});
