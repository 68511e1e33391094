import { McpServer, Server } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { startGate } from '../../test/support/gate-harness.ts';
import { ERAS, type Era, headersOf, INITIALIZE, type Json, raw, rpc } from '../../test/support/wire.ts';

/** A client of the 2026 era that declares nothing and does not name itself. */
const BARE_META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};
const [LEGACY, MODERN] = ERAS;

function createVersioned(): McpServer {
  const server = new McpServer({ name: 'versioned', version: '1.0.0' });
  server.registerTool('version', {}, () => ({
    content: [{ type: 'text', text: String(server.server.getNegotiatedProtocolVersion()) }],
  }));
  return server;
}

describe('pooled servers of SDK v2', () => {
  it.each<readonly Era[]>([
    [LEGACY, MODERN, LEGACY],
    [MODERN, LEGACY, MODERN],
  ])('serve each era as its own, though clients say nothing of themselves: %s, %s, %s', async (...eras) => {
    const { url, token, gate } = await startGate({
      servers: { versioned: { factory: createVersioned, instances: { mode: 'pooled' } } },
    });
    const bearer = await token();
    for (const era of eras) {
      const call = { era, token: bearer, method: 'tools/call', params: { name: 'version' } };
      const params = { ...call.params, ...(era === MODERN && { _meta: BARE_META }) };
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: call.method, params });
      const answer = await raw(url, { method: 'POST', headers: headersOf(call), body });
      const result: Json | undefined = answer.json?.['result'];
      expect(result?.['content']).toMatchObject([{ text: era === MODERN ? MODERN : 'undefined' }]);
      expect(result?.['resultType']).toBe(era === MODERN ? 'complete' : undefined);
    }
    expect(gate.poolStats()['versioned']).toMatchObject({ leased: 0, idle: 2 });
  });
});

const ODD: Readonly<Record<string, () => unknown>> = {
  nothing: () => undefined,
  null: () => null,
  words: () => 'words',
  'nothing thrown': () => Promise.reject(null as unknown as Error),
  'no words thrown': () => Promise.reject({ code: 7, message: 7 } as unknown as Error),
};

function createOdd(): Server {
  const server = new Server({ name: 'odd', version: '1.0.0' }, { capabilities: { prompts: {} } });
  server.setRequestHandler('prompts/list', () => ({ prompts: Object.keys(ODD).map((name) => ({ name })) }));
  server.setRequestHandler('prompts/get', ({ params: { name } }) => ODD[name]?.() as never);
  return server;
}

describe.each(['fresh', 'pooled'] as const)('what is no answer, from a %s server of SDK v2', (mode) => {
  it.each(ERAS)('ends its call all the same, in the era of %s', async (era) => {
    const { url, token, events } = await startGate({
      servers: { odd: { factory: createOdd, instances: { mode } } },
    });
    const bearer = await token();
    for (const name of Object.keys(ODD)) {
      const answer = await rpc(url, { era, token: bearer, method: 'prompts/get', params: { name } });
      expect(answer.json, name).toMatchObject({ id: 1 });
      const ended = events.filter(({ target }) => target === name);
      expect(ended.map(({ outcome }) => outcome).filter(Boolean), name).toHaveLength(1);
    }
  });
});

it('what is no answer ends its call in a protocol session too', async () => {
  const { url, token, events } = await startGate({
    servers: { odd: { factory: createOdd, sessions: { mode: 'stateful' } } },
  });
  const call = { era: LEGACY, token: await token() };
  const opened = await rpc(url, { ...call, method: 'initialize', params: INITIALIZE });
  const headers = [['mcp-session-id', String(opened.headers['mcp-session-id'])]] as const;
  for (const [index, name] of ['nothing', 'null', 'words', 'no words thrown'].entries()) {
    const asked = { ...call, method: 'prompts/get', params: { name }, id: index + 2, headers };
    const answer = await rpc(url, asked);
    expect(answer.json, name).toMatchObject({ id: index + 2, error: { code: -32_603 } });
    expect(events.filter(({ target, outcome }) => target === name && outcome === 'failure')).toHaveLength(1);
  }
});

it('a progress token that no JSON number can say exactly is refused, also from a client that is known', async () => {
  const { url, token } = await startGate({ servers: { versioned: { factory: createVersioned } } });
  const call = { era: MODERN, token: await token(), method: 'tools/call' } as const;
  const statuses: number[] = [];
  for (const progressToken of [1, 2 ** 53, 1.5, 2]) {
    const params = { name: 'version', _meta: { progressToken } };
    statuses.push((await rpc(url, { ...call, params })).status);
  }
  expect(statuses).toEqual([200, 400, 400, 200]);
});
