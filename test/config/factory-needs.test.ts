import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import type { GateOptions } from '../../src/config/options.ts';
import type { MCPServerFactory } from '../../src/mcp/server-factory.ts';
import { startGate } from '../support/gate-harness.ts';
import { ERAS, type Era, INITIALIZE, namesIn, raw, rpc } from '../support/wire.ts';

const TOOLS = ['one', 'two', 'three'] as const;

/** A server with the tools that are needed, and a note of which these were. */
function recorder() {
  const built: string[][] = [];
  const factory: MCPServerFactory = (_token, _userId, { needs }) => {
    const needed = TOOLS.filter((name) => needs('tool', name));
    built.push([
      ...needed,
      ...(needs('prompt', 'one') ? ['prompt one'] : []),
      ...(needs('resource', 'one') ? ['resource one'] : []),
    ]);
    const server = new McpServer({ name: 'many', version: '1.0.0' });
    for (const name of needed)
      server.registerTool(name, {}, () => ({ content: [{ type: 'text', text: `This is ${name}` }] }));
    return server;
  };
  return { built, factory };
}

const ALL = [...TOOLS, 'prompt one', 'resource one'];
type Server = NonNullable<GateOptions['servers']>[string];

async function start(more: Partial<Server>) {
  const { built, factory } = recorder();
  const { url, token } = await startGate({ servers: { many: { factory, ...more } as Server } });
  const bearer = await token();
  const ask = (era: Era, method: string, params: Record<string, unknown> = {}) =>
    rpc(url, { era, token: bearer, method, params });
  return { built, ask, url, bearer };
}

describe.each(ERAS)('a factory that asks what is needed, in the era of %s', (era) => {
  it('builds the called tool alone for a call, and all for a list', async () => {
    const { built, ask } = await start({});
    const list = await ask(era, 'tools/list');
    expect(namesIn(list, 'tools')).toEqual([...TOOLS].toSorted());
    expect(built.every((needed) => needed.length === ALL.length)).toBe(true);
    // What the gate asks for itself, it has asked by now.
    await ask(era, 'tools/call', { name: 'one' });
    for (const name of TOOLS) {
      built.length = 0;
      const called = await ask(era, 'tools/call', { name });
      expect(called.json?.['result']?.['content']).toEqual([{ type: 'text', text: `This is ${name}` }]);
      expect(built).toEqual([[name]]);
    }
    built.length = 0;
    expect(namesIn(await ask(era, 'tools/list'), 'tools')).toEqual([...TOOLS].toSorted());
    expect(built).toEqual([ALL]);
  });

  it('is asked for all of a server that is kept for many requests', async () => {
    const { built, ask } = await start({ instances: { mode: 'pooled' } });
    for (const name of TOOLS) {
      const called = await ask(era, 'tools/call', { name });
      expect(called.json?.['result']?.['content']).toEqual([{ type: 'text', text: `This is ${name}` }]);
    }
    expect(built.length).toBeGreaterThan(0);
    for (const needed of built) expect(needed).toEqual(ALL);
  });
});

it('a factory that asks what is needed is asked for all of a protocol session', async () => {
  const { built, url, bearer } = await start({ sessions: { mode: 'stateful' } });
  const headers = [
    ['content-type', 'application/json'],
    ['accept', 'application/json, text/event-stream'],
    ['authorization', `Bearer ${bearer}`],
  ] as const;
  const post = (body: object, more: readonly (readonly [string, string])[] = []) =>
    raw(url, {
      method: 'POST',
      headers: [...headers, ...more],
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }),
    });
  const opened = await post({ method: 'initialize', params: INITIALIZE });
  const session = ['mcp-session-id', String(opened.headers['mcp-session-id'])] as const;
  for (const name of TOOLS) {
    const called = await post({ method: 'tools/call', params: { name } }, [session]);
    expect(called.json?.['result']?.['content']).toEqual([{ type: 'text', text: `This is ${name}` }]);
  }
  expect(built.length).toBeGreaterThan(0);
  for (const needed of built) expect(needed).toEqual(ALL);
});
