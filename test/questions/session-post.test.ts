import { McpServer } from '@modelcontextprotocol/server';
import { expect, it } from 'vitest';
import { askingServer } from '../fixtures/mcp-servers/asking.ts';
import { startGate } from '../support/gate-harness.ts';
import { INITIALIZE, type Json, messagesIn, rpc } from '../support/wire.ts';

const ERA = '2025-11-25';
const ANSWER = { action: 'accept', content: { colour: 'red' } };

/** A server of SDK v2 that asks without saying for which call. */
function createAsking(): McpServer {
  const server = new McpServer({ name: 'asking', version: '1.0.0' });
  server.registerTool('elicit', { description: 'Asks by the server' }, async () => {
    const requestedSchema = { type: 'object' as const, properties: { colour: { type: 'string' as const } } };
    const answer = await server.server.elicitInput({ message: 'Which colour?', requestedSchema });
    return { content: [{ type: 'text', text: JSON.stringify(answer) }] };
  });
  return server;
}

/** A session whose client has opened no stream but those of its requests. */
async function openSession(factory: () => ReturnType<typeof createAsking | typeof askingServer>) {
  const { url, token } = await startGate({
    servers: { asking: { factory, sessions: { mode: 'stateful' } } },
  });
  const call = { era: ERA, token: await token() } as const;
  const params = { ...INITIALIZE, capabilities: { elicitation: {} } };
  const opened = await rpc(url, { ...call, method: 'initialize', params });
  const id = String(opened.headers['mcp-session-id']);
  const headers = {
    authorization: `Bearer ${call.token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': ERA,
    'mcp-session-id': id,
  };
  return {
    post: (message: object) =>
      fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) }),
  };
}

/** The next messages of an answer that streams. */
async function* messagesOf(response: Response): AsyncGenerator<Json> {
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString('utf8');
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      if (event.includes('data: {'))
        yield* messagesIn({ status: 200, headers: {}, text: event, json: undefined });
    }
  }
}

it.each([
  ['v2', createAsking],
  ['v1', askingServer],
] as const)(
  'asks on the stream of the call where the client has opened no other, SDK %s',
  async (_sdk, create) => {
    const { post } = await openSession(() => create());
    await post({ method: 'notifications/initialized' });
    const messages = messagesOf(
      await post({ id: 2, method: 'tools/call', params: { name: 'elicit', arguments: {} } }),
    );
    const { value: question } = await messages.next();
    expect(question).toMatchObject({ method: 'elicitation/create', params: { message: 'Which colour?' } });
    await post({ id: question?.['id'], result: ANSWER });
    const { value: result } = await messages.next();
    expect(result).toMatchObject({ id: 2, result: { content: [{ text: JSON.stringify(ANSWER) }] } });
  },
);
