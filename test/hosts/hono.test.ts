import { getConnInfo } from '@hono/node-server/conninfo';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { compress } from 'hono/compress';
import { secureHeaders } from 'hono/secure-headers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { toHono } from '../../src/adapters/hono.ts';
import { ConfigurationError } from '../../src/core/errors.ts';
import { createGate, type Gate } from '../../src/gate.ts';
import { createCaller } from '../support/callers.ts';
import { connectV2 } from '../support/clients.ts';
import { startGate } from '../support/gate-harness.ts';
import { TOOLS } from '../support/notes.ts';
import { type NotesOptions, startNotes } from '../support/notes-gate.ts';
import { notesFactory } from '../support/notes-server.ts';
import { ERAS, raw } from '../support/wire.ts';
import { callOf } from './decisions.ts';
import { serveOnNodeServer, THE_APP } from './hosts.ts';
import { callStep, createSteppingTool } from './stepping-tool.ts';

const FEW_FAILURES = { limits: { failures: { max: 2, windowSeconds: 600 } } };

describe('[config/adapters-hono] toHono', () => {
  test.each([
    ['json', (request: Reading) => request.json()],
    ['text', (request: Reading) => request.text()],
    ['arrayBuffer', (request: Reading) => request.arrayBuffer()],
  ])('takes a body that middleware has read as %s, within its own limits', async (_name, read) => {
    const notes = await startNotes({ limits: { bodyBytes: 4096 } });
    const app = new Hono();
    app.use(async ({ req }, next) => {
      if (req.method === 'POST') await read(req);
      await next();
    });
    app.use(toHono(notes.gate));
    const hosted = await serveOnNodeServer(app.fetch);
    const token = await notes.token();
    const client = await connectV2(`${hosted}/mcp`, token);
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'héllo' } });
    expect(content).toEqual([{ type: 'text', text: 'héllo' }]);
    const { headers } = callOf('echo', { era: ERAS[0], token });
    const body = JSON.stringify({ text: 'x'.repeat(5000) });
    expect((await raw(`${hosted}/mcp`, { method: 'POST', headers, body })).status).toBe(413);
  });

  test('runs nothing from a body that middleware took for itself', async () => {
    const { gate, token, runs } = await startNotes();
    const app = new Hono();
    app.use(async ({ req }, next) => {
      await req.raw.text();
      await next();
    });
    app.use(toHono(gate));
    const { headers, body } = callOf('whoami', { era: ERAS[0], token: await token() });
    const answer = await app.request('http://127.0.0.1/mcp', {
      method: 'POST',
      headers: [...headers].map(([name, value]): [string, string] => [name, value]),
      body,
    });
    expect(answer.status).toBe(400);
    expect(runs.built).toEqual([]);
  });

  test('stands behind the middleware of the app', async () => {
    const tool = createSteppingTool();
    const { gate, token } = await startGate({ servers: { stepping: { factory: tool.factory } } });
    const app = new Hono();
    app.use(secureHeaders());
    app.use(compress());
    app.use(bodyLimit({ maxSize: 100_000 }));
    app.use(toHono(gate));
    app.get('/', (context) => context.text('x'.repeat(5000)));
    const hosted = await serveOnNodeServer(app.fetch);
    const plain = await raw(hosted, { headers: [['accept-encoding', 'gzip']] });
    expect(plain.headers['content-encoding']).toBe('gzip');
    expect((await raw(`${hosted}/mcp`, { method: 'POST' })).headers).toMatchObject({
      'x-frame-options': 'SAMEORIGIN',
      'www-authenticate': expect.stringContaining('resource_metadata'),
    });
    const client = await connectV2(`${hosted}/mcp`, await token());
    let isStarted = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      isStarted = resolve;
    });
    const running = callStep(client, isStarted);
    await started;
    expect(tool.inside).toBe(1);
    tool.finish();
    expect(await running).toMatchObject({ content: [{ text: 'stepped' }] });
  });

  test('leaves what is not the gate’s to the routes and the `notFound` of the app', async () => {
    const { gate } = await startNotes();
    const app = new Hono();
    app.use(toHono(gate));
    app.post('/api', (context) => context.text(THE_APP));
    app.notFound((context) => context.text('nothing here', 404));
    expect(await (await app.request('/api', { method: 'POST' })).text()).toBe(THE_APP);
    const missing = await app.request('/mcp/other');
    expect([missing.status, await missing.text()]).toEqual([404, 'nothing here']);
  });

  test.each([
    ['by the helper of the runtime', (gate: Gate) => toHono(gate, { getConnInfo })],
    ['on @hono/node-server without one', (gate: Gate) => toHono(gate)],
  ])('knows the client’s address %s', async (_how, mount) => {
    const { errors, ...notes } = await startTelling(FEW_FAILURES);
    const app = new Hono();
    app.use(mount(notes.gate));
    const url = `${await serveOnNodeServer(app.fetch)}/mcp`;
    const fail = async (address: string) => (await createCaller(url, address).call('bad')).status;
    const statuses = [await fail('127.0.0.2'), await fail('127.0.0.2'), await fail('127.0.0.2')];
    expect([...statuses, await fail('127.0.0.3')]).toEqual([401, 401, 429, 401]);
    expect(errors).toEqual([]);
  });

  test('without an address nobody is limited for the failures of others, and the gate says so once', async () => {
    const { errors, ...notes } = await startTelling(FEW_FAILURES);
    const app = new Hono();
    app.use(toHono(notes.gate));
    const ask = (token: string) => {
      const { headers, body } = callOf('whoami', { era: ERAS[1], token });
      return app.request(notes.url, { method: 'POST', headers, body });
    };
    for (let failed = 0; failed < 5; failed++) expect((await ask('bad')).status).toBe(401);
    expect((await ask(await notes.token())).status).toBe(200);
    expect(errors).toEqual([expect.any(ConfigurationError)]);
    expect(String(errors[0])).toContain('without the address of its client');
  });

  test('takes no address from bindings that are not Node’s', async () => {
    const { errors, ...notes } = await startTelling(FEW_FAILURES);
    const app = new Hono();
    app.use(toHono(notes.gate));
    const { headers, body } = callOf('whoami', { era: ERAS[0], token: 'bad' });
    for (const env of [undefined, null, 'incoming', { incoming: 'x' }, { remoteAddress: '203.0.113.9' }]) {
      const request = new Request(notes.url, { method: 'POST', headers, body });
      expect((await app.fetch(request, env as object)).status).toBe(401);
    }
    expect(errors.length).toBe(1);
  });

  test('takes no gate that is for stdio only', async () => {
    const gate = await createGate({
      servers: { notes: { factory: notesFactory() } },
      auth: [{ type: 'environment' }],
    });
    onTestFinished(() => gate.close());
    expect(() => toHono(gate)).toThrow(ConfigurationError);
  });
});

describe('[config/gate-api] fetch', () => {
  test.each(['auto', 'legacy'] as const)('serves a client without any listener (%s)', async (mode) => {
    const { gate, token } = await startNotes();
    const requestInit = { headers: { authorization: `Bearer ${await token()}` } };
    const transport = new StreamableHTTPClientTransport(new URL('http://localhost/mcp'), {
      requestInit,
      fetch: (url, init) => gate.fetch(new Request(url, init)),
    });
    const client = await connectV2(transport, undefined, mode);
    expect((await client.listTools()).tools.length).toBe(TOOLS.length);
    expect((await client.callTool({ name: 'whoami' })).content).toEqual([{ type: 'text', text: 'alice' }]);
  });

  test('may be handed to runtimes that pass more than the request', async () => {
    const { gate, url } = await startNotes();
    const handler: (request: Request, more: object) => Promise<Response> = gate.fetch;
    const answer = await handler(new Request(`${url}/health`), { remoteAddr: { hostname: '203.0.113.9' } });
    expect(answer.status).toBe(200);
  });
});

interface Reading {
  json(): Promise<unknown>;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** A gate whose errors are kept. */
async function startTelling(options: NotesOptions) {
  const errors: unknown[] = [];
  const notes = await startNotes({ ...options, onError: (error) => void errors.push(error) });
  return { ...notes, errors };
}
