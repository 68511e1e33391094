import { describe, expect, onTestFinished, test } from 'vitest';
import { toFastify } from '../../src/adapters/fastify.ts';
import { ConfigurationError } from '../../src/core/errors.ts';
import { createGate } from '../../src/gate.ts';
import { subscribe } from '../config/fixtures/subscription.ts';
import { createCaller } from '../support/callers.ts';
import { connectV2 } from '../support/clients.ts';
import { startNotes } from '../support/notes-gate.ts';
import { notesFactory } from '../support/notes-server.ts';
import { ERAS, raw } from '../support/wire.ts';
import { callOf } from './decisions.ts';
import { createFastify, THE_APP } from './hosts.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

describe('[config/adapters-fastify] toFastify', () => {
  test('leaves bodies of the app to its parsers, and those of the gate to the gate', async () => {
    const { gate, token, runs } = await startNotes();
    const app = createFastify();
    app.register(toFastify(gate));
    app.post('/api', ({ body }) => ({ body }));
    const hosted = await app.listen(LOOPBACK);
    const json: [string, string][] = [['content-type', 'application/json']];
    const posted = await raw(`${hosted}/api`, { method: 'POST', headers: json, body: '{"a":1}' });
    expect(posted.json).toEqual({ body: { a: 1 } });
    const broken = await raw(`${hosted}/api`, { method: 'POST', headers: json, body: '{' });
    expect(broken.status).toBe(400);
    const client = await connectV2(`${hosted}/mcp`, await token());
    // More than the bodyLimit of Fastify, less than the one of the gate.
    const text = 'x'.repeat(2_000_000);
    const { content } = await client.callTool({ name: 'echo', arguments: { text } });
    expect(content).toEqual([{ type: 'text', text }]);
    expect(runs.calls.length).toBe(1);
  });

  test('is mounted under a prefix, its metadata where RFC 9728 says', async () => {
    const { gate, token, resource } = await startNotes({ publicUrl: 'http://127.0.0.1:3000/gw' });
    const app = createFastify();
    app.register(toFastify(gate), { prefix: '/gw' });
    app.setNotFoundHandler((_request, reply) => reply.code(200).send(THE_APP));
    const hosted = await app.listen(LOOPBACK);
    const metadata = '/.well-known/oauth-protected-resource/gw/mcp';
    const challenged = await raw(`${hosted}/gw/mcp?a=1`, { method: 'POST' });
    expect(challenged.headers['www-authenticate']).toContain(metadata);
    expect((await raw(`${hosted}${metadata}`)).json).toMatchObject({ resource });
    const client = await connectV2(`${hosted}/gw/mcp`, await token());
    expect((await client.callTool({ name: 'whoami' })).content).toEqual([{ type: 'text', text: 'alice' }]);
    for (const path of ['/mcp', '/gw', '/gw/other', '/gateway/mcp', '/gwmcp', `/gw${metadata}x`])
      expect([path, (await raw(`${hosted}${path}`)).text]).toEqual([path, THE_APP]);
  });

  test('passes through the hooks that the app added before, and no route or error handler of it', async () => {
    const { gate, token } = await startNotes();
    const app = createFastify();
    const seen: string[] = [];
    app.addHook('onRequest', async ({ url }) => void seen.push(url));
    app.register(toFastify(gate));
    app.all('/*', () => THE_APP);
    const hosted = await app.listen(LOOPBACK);
    const { headers, body } = callOf('whoami', { era: ERAS[0], token: await token() });
    const answer = await raw(`${hosted}/mcp`, { method: 'POST', headers, body });
    expect(answer.json).toMatchObject({ result: { content: [{ text: 'alice' }] } });
    expect((await raw(`${hosted}/other`)).text).toBe(THE_APP);
    expect(seen).toEqual(['/mcp', '/other']);
  });

  test('a hook that answers keeps the request from the gate', async () => {
    const { gate, token, runs } = await startNotes();
    const app = createFastify();
    app.addHook('onRequest', async (_request, reply) => reply.code(418).send('not today'));
    app.register(toFastify(gate));
    const hosted = await app.listen(LOOPBACK);
    const { headers, body } = callOf('whoami', { era: ERAS[0], token: await token() });
    expect((await raw(`${hosted}/mcp`, { method: 'POST', headers, body })).text).toBe('not today');
    expect(runs.built).toEqual([]);
  });

  test('takes no word of X-Forwarded-For from `trustProxy`', async () => {
    const { gate } = await startNotes({ limits: { failures: { max: 2, windowSeconds: 600 } } });
    const app = createFastify({ trustProxy: true });
    app.register(toFastify(gate));
    const caller = createCaller(`${await app.listen(LOOPBACK)}/mcp`, '127.0.0.1');
    const statuses: number[] = [];
    for (const last of [1, 2, 3])
      statuses.push((await caller.call('bad', { 'x-forwarded-for': `203.0.113.${last}` })).status);
    expect(statuses).toEqual([401, 401, 429]);
  });

  test('closes with the app when the app closes it', async () => {
    const { gate, token } = await startNotes();
    const app = createFastify({ forceCloseConnections: 'idle' });
    app.register(toFastify(gate));
    app.addHook('preClose', () => gate.close());
    const stream = await subscribe({ url: `${await app.listen(LOOPBACK)}/mcp`, token: await token() });
    await app.close();
    expect(await stream.ended).toEqual({ clean: true });
  });

  test('takes no gate that is for stdio only', async () => {
    const gate = await createGate({
      servers: { notes: { factory: notesFactory() } },
      auth: [{ type: 'environment' }],
    });
    onTestFinished(() => gate.close());
    expect(() => toFastify(gate)).toThrow(ConfigurationError);
  });
});
