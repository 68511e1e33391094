import { describe, expect, test } from 'vitest';
import { createCaller } from '../support/callers.ts';
import { CLIENTS, connectV2 } from '../support/clients.ts';
import { startGate } from '../support/gate-harness.ts';
import { NOTES_RULES, TOOLS } from '../support/notes.ts';
import { type NotesOptions, startNotes } from '../support/notes-gate.ts';
import { openPeer, STATEFUL } from '../support/peers.ts';
import { exchangeBytes } from '../support/raw-socket.ts';
import { openStream } from '../support/streams.ts';
import { heard, listenInSession } from '../support/subscriptions.ts';
import { ERAS, headersOf, messageOf, raw } from '../support/wire.ts';
import { decisionOf, REQUESTS } from './decisions.ts';
import { HOSTS, THE_APP } from './hosts.ts';
import { callStep, createSteppingTool } from './stepping-tool.ts';

const RULES = { authorization: NOTES_RULES, listen: { allowedOrigins: ['https://app.example'] } };

describe.each(HOSTS)('$host', ({ serve }) => {
  /** The gate of notes, by its own listener and in the host. */
  async function startHosted(options: NotesOptions = {}) {
    const notes = await startNotes(options);
    return { ...notes, hosted: await serve(notes.gate) };
  }

  test.each(ERAS)('decides as the listener of the gate does (%s)', async (era) => {
    const notes = await startHosted(RULES);
    const token = await notes.token();
    const statuses: Record<string, number> = {};
    for (const [name, ask] of Object.entries(REQUESTS)) {
      const answer = await ask(notes.hosted, { era, token });
      const own = await ask(notes.origin, { era, token });
      expect({ name, ...decisionOf(answer) }).toEqual({ name, ...decisionOf(own) });
      statuses[name] = answer.status;
    }
    expect(statuses).toMatchObject({
      'the metadata': 200,
      'the metadata at the root': 200,
      'the health': 200,
      nobody: 401,
      'a bad token': 401,
      'two credentials': 400,
      'one credential twice': 400,
      'an allowed call': 200,
      'a scope that is missing': 403,
      'a foreign host': 403,
      'a foreign origin': 403,
      'a preflight': 204,
      'a preflight of a foreign origin': 403,
      'no JSON': 400,
      'a form': 415,
      'a compressed body': 415,
      'another method': 405,
    });
  });

  test('gives to the app what is not the gate’s', async () => {
    const { hosted, token } = await startHosted();
    const authorization = ['authorization', `Bearer ${await token()}`] as const;
    for (const path of ['/', '/mcp2', '/mcp/', '/mcp/other', '/api?path=/mcp', '/.well-known/other']) {
      const answer = await raw(`${hosted}${path}`, { headers: [authorization] });
      expect([path, answer.status, answer.text]).toEqual([path, 200, THE_APP]);
    }
    const posted = await raw(`${hosted}/api`, {
      method: 'POST',
      headers: [['content-type', 'application/json']],
      body: '{}',
    });
    expect(posted.text).toBe(THE_APP);
  });

  test.each(CLIENTS)('serves a $client', async ({ connect }) => {
    const { hosted, token } = await startHosted(RULES);
    const client = await connect(`${hosted}/mcp`, await token());
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name).toSorted()).toEqual(TOOLS.filter((name) => name !== 'purge'));
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'héllo' } });
    expect(content).toEqual([{ type: 'text', text: 'héllo' }]);
  });

  test.each(CLIENTS.slice(1))('keeps the session of a $client', async ({ connect }) => {
    const { hosted, token, runs } = await startHosted({ mode: STATEFUL });
    const client = await connect(`${hosted}/mcp`, await token());
    await client.callTool({ name: 'whoami' });
    const built = runs.built.length;
    await client.callTool({ name: 'whoami' });
    expect([runs.calls.length, runs.built.length]).toEqual([2, built]);
  });

  test('sends events of a session as they come, and ends the stream with the gate', async () => {
    const { hosted, token, gate } = await startHosted({ mode: STATEFUL });
    const url = `${hosted}/mcp`;
    const peer = await openPeer({ url }, STATEFUL, await token());
    const stream = await listenInSession(url, peer);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'x-accel-buffering': 'no',
      'cache-control': 'no-cache, no-transform',
    });
    await peer.send({ method: 'tools/call', params: { name: 'grow' } });
    await heard(stream, 'tools');
    expect(stream.isOpen).toBe(true);
    await gate.close();
    expect(await stream.ended).toEqual({ clean: true });
    expect((await raw(url)).status).toBe(503);
    expect((await raw(hosted)).text).toBe(THE_APP);
  });

  test.each(CLIENTS)('shows a $client the progress before the result', async ({ connect }) => {
    const tool = createSteppingTool();
    const { gate, token } = await startGate({ servers: { stepping: { factory: tool.factory } } });
    const client = await connect(`${await serve(gate)}/mcp`, await token());
    let isStarted = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      isStarted = resolve;
    });
    const running = callStep(client, isStarted);
    await started;
    expect(tool.inside).toBe(1);
    tool.finish();
    expect(await running).toMatchObject({ content: [{ type: 'text', text: 'stepped' }] });
  });

  test.each(ERAS)('cancels the call of a client that goes away (%s)', async (era) => {
    const tool = createSteppingTool();
    const { gate, token } = await startGate({ servers: { stepping: { factory: tool.factory } } });
    const call = {
      era,
      token: await token(),
      method: 'tools/call',
      params: { name: 'step', _meta: { progressToken: 'p' } },
    } as const;
    const stream = await openStream(`${await serve(gate)}/mcp`, {
      method: 'POST',
      headers: headersOf(call),
      body: JSON.stringify(messageOf(call)),
    });
    await stream.next(({ method }) => String(method) === 'notifications/progress');
    expect(tool.inside).toBe(1);
    stream.close();
    await expect.poll(() => [tool.inside, tool.cancelled]).toEqual([0, 1]);
  });

  test('cancels a call that has said nothing yet', async () => {
    const tool = createSteppingTool();
    const { gate, token } = await startGate({ servers: { stepping: { factory: tool.factory } } });
    const client = await connectV2(`${await serve(gate)}/mcp`, await token());
    const giveUp = new AbortController();
    const call = client.callTool({ name: 'step' }, { signal: giveUp.signal });
    await expect.poll(() => tool.inside).toBe(1);
    giveUp.abort();
    await expect(call).rejects.toThrow();
    await expect.poll(() => [tool.inside, tool.cancelled]).toEqual([0, 1]);
  });

  test.each([
    ['by its declared length', 'Content-Length: 5000', ''],
    ['as it comes', 'Transfer-Encoding: chunked', `1388\r\n${'x'.repeat(5000)}\r\n`],
  ])('refuses a body that is too large %s, without waiting for the rest', async (_how, field, part) => {
    const { hosted, token, runs } = await startHosted({ limits: { bodyBytes: 4096 } });
    const head = [
      'POST /mcp HTTP/1.1',
      'Host: 127.0.0.1',
      'Content-Type: application/json',
      `Authorization: Bearer ${await token()}`,
      field,
    ];
    const answer = await exchangeBytes(hosted, `${head.join('\r\n')}\r\n\r\n${part}`);
    expect(answer).toMatchObject({ status: 413, complete: true });
    expect(JSON.parse(answer.body)).toMatchObject({ error: { data: { code: 'PAYLOAD_TOO_LARGE' } } });
    expect(runs.built).toEqual([]);
  });

  test('gets the answer through to a client that is still sending', async () => {
    const { hosted, token } = await startHosted({ limits: { bodyBytes: 4096 } });
    const headers = { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' };
    const body = new Blob(['x'.repeat(3_000_000)]).stream();
    const init = { method: 'POST', headers, body, duplex: 'half' };
    expect((await fetch(`${hosted}/mcp`, init as RequestInit)).status).toBe(413);
  });

  test('is served from a path of the app', async () => {
    const { hosted, token, origin } = await startHosted({ listen: { path: '/tools/mcp' } });
    const challenged = await raw(`${hosted}/tools/mcp`, { method: 'POST' });
    expect(challenged.headers['www-authenticate']).toContain(
      `resource_metadata="${origin}/.well-known/oauth-protected-resource/tools/mcp"`,
    );
    const { json } = await raw(`${hosted}/.well-known/oauth-protected-resource/tools/mcp`);
    expect(json).toMatchObject({ resource: `${origin}/tools/mcp` });
    const client = await connectV2(`${hosted}/tools/mcp`, await token());
    expect((await client.listTools()).tools.length).toBe(TOOLS.length);
    expect((await raw(`${hosted}/mcp`)).text).toBe(THE_APP);
  });

  test('counts failures by the client’s address', async () => {
    const { hosted, token } = await startHosted({ limits: { failures: { max: 3, windowSeconds: 600 } } });
    const ask = async (localAddress: string, bearer: string) =>
      createCaller(`${hosted}/mcp`, localAddress).call(bearer, { 'x-forwarded-for': '203.0.113.9' });
    for (let failed = 0; failed < 3; failed++) expect((await ask('127.0.0.2', 'bad')).status).toBe(401);
    expect((await ask('127.0.0.2', 'bad')).status).toBe(429);
    expect((await ask('127.0.0.3', 'bad')).status).toBe(401);
    expect((await ask('127.0.0.3', await token())).status).toBe(200);
  });
});
