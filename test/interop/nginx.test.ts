import { discoverOAuthProtectedResourceMetadata } from '@modelcontextprotocol/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import type { GateOptions } from '../../src/config/options.ts';
import { callOf } from '../hosts/decisions.ts';
import { createSecureFetch, SECURE_CLIENTS, type SecurePlace } from '../hosts/secure-clients.ts';
import { callStep, createSteppingTool } from '../hosts/stepping-tool.ts';
import { createCaller } from '../support/callers.ts';
import { freePort, startGate } from '../support/gate-harness.ts';
import { createRuns, TOOLS } from '../support/notes.ts';
import { notesFactory } from '../support/notes-server.ts';
import { ERAS, INITIALIZE } from '../support/wire.ts';
import { startNginx } from './nginx-server.ts';

/** A gate behind nginx, as the guide has it. */
async function startBehindNginx(options: Pick<GateOptions, 'servers' | 'limits'>, listen: object = {}) {
  const [port, gatePort] = [await freePort(), await freePort()];
  const nginx = await startNginx(port, gatePort);
  const harness = await startGate({
    publicUrl: `${nginx.origin}/gw`,
    ...options,
    listen: { port: gatePort, trustedProxies: ['127.0.0.1'], ...listen },
  });
  const url = `${nginx.origin}/gw/mcp`;
  const place = async (): Promise<SecurePlace> => ({ url, ca: nginx.ca, token: await harness.token() });
  return { ...harness, ...nginx, url, place, direct: `http://127.0.0.1:${gatePort}/mcp` };
}

const NOTES = () => ({ servers: { notes: { factory: notesFactory() } } });
const STEPPING = () => {
  const tool = createSteppingTool();
  return { tool, servers: { stepping: { factory: tool.factory } } };
};

describe('behind nginx with TLS and a path prefix', { timeout: 30_000 }, () => {
  test.each(SECURE_CLIENTS)('a $client lists and calls', async ({ connect }) => {
    const behind = await startBehindNginx(NOTES());
    expect(behind.resource).toBe(behind.url);
    const client = await connect(await behind.place());
    expect((await client.listTools()).tools.length).toBe(TOOLS.length);
    const text = 'é'.repeat(500_000);
    const { content } = await client.callTool({ name: 'echo', arguments: { text } });
    expect(content).toEqual([{ type: 'text', text }]);
  });

  test.each(SECURE_CLIENTS.slice(1))(
    'a $client keeps its session, and hears what changed',
    async ({ connect }) => {
      const runs = createRuns();
      const notes = { factory: notesFactory(runs), sessions: { mode: 'stateful' } } as const;
      const behind = await startBehindNginx({ servers: { notes } });
      const client = await connect(await behind.place());
      await client.callTool({ name: 'whoami' });
      const built = runs.built.length;
      await client.callTool({ name: 'whoami' });
      expect(runs.built.length).toBe(built);
      const heard: string[] = [];
      client.fallbackNotificationHandler = async ({ method }) => void heard.push(method);
      // The client opens its stream when it likes.
      await expect
        .poll(async () => {
          await client.callTool({ name: 'grow' });
          return heard;
        })
        .toContain('notifications/tools/list_changed');
    },
  );

  test.each(SECURE_CLIENTS)('a $client sees progress while the call runs', async ({ connect }) => {
    const { tool, servers } = STEPPING();
    const behind = await startBehindNginx({ servers });
    const client = await connect(await behind.place());
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

  test.each(ERAS)('a client that goes away cancels its call (%s)', async (era) => {
    const { tool, servers } = STEPPING();
    const behind = await startBehindNginx({ servers });
    const { url, ca, token } = await behind.place();
    const giveUp = new AbortController();
    const call = callOf('step', { era, token });
    const answer = createSecureFetch(ca)(url, { method: 'POST', ...call, signal: giveUp.signal });
    answer.catch(() => undefined);
    await expect.poll(() => tool.inside).toBe(1);
    giveUp.abort();
    await expect.poll(() => [tool.inside, tool.cancelled]).toEqual([0, 1]);
  });

  test('the metadata is found by the challenge, and by the URL of the server alone', async () => {
    const { url, ca, issuer } = await startBehindNginx(NOTES());
    const fetch = createSecureFetch(ca);
    const refused = await fetch(url, { method: 'POST' });
    expect(refused.status).toBe(401);
    const [, named = ''] =
      /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '') ?? [];
    expect(named).toBe(`${new URL(url).origin}/.well-known/oauth-protected-resource/gw/mcp`);
    const document = { resource: url, authorization_servers: [issuer.issuer] };
    for (const options of [{ resourceMetadataUrl: named }, {}])
      expect(await discoverOAuthProtectedResourceMetadata(url, options, fetch)).toMatchObject(document);
  });

  test('failures count by the client, not by the proxy, nor by what a client says', async () => {
    const limits = { failures: { max: 3, windowSeconds: 600 } };
    const { url, ca, token, direct } = await startBehindNginx({ ...NOTES(), limits });
    const ask = async (localAddress: string, bearer: string, claimed?: string): Promise<number> => {
      const { headers, body } = callOf('whoami', { era: ERAS[0], token: bearer });
      if (claimed !== undefined) headers.push(['x-forwarded-for', claimed]);
      return (await createSecureFetch(ca, localAddress)(url, { method: 'POST', headers, body })).status;
    };
    for (let failed = 0; failed < 3; failed++)
      expect(await ask('127.0.0.2', 'bad', `203.0.113.${failed}`)).toBe(401);
    expect(await ask('127.0.0.2', 'bad', '203.0.113.9')).toBe(429);
    expect(await ask('127.0.0.3', 'bad')).toBe(401);
    expect(await ask('127.0.0.3', await token())).toBe(200);
    // Past the proxy nobody's word counts.
    const stranger = createCaller(direct, '127.0.0.4');
    for (let failed = 0; failed < 3; failed++)
      expect((await stranger.call('bad', { 'x-forwarded-for': `203.0.113.${failed}` })).status).toBe(401);
    expect((await stranger.call('bad', { 'x-forwarded-for': '203.0.113.8' })).status).toBe(429);
  });

  test('a WebSocket is opened', async () => {
    const { url, ca, token } = await startBehindNginx(NOTES(), { webSocket: true });
    const headers = { authorization: `Bearer ${await token()}` };
    const address = `${url.replace(/^https/, 'wss')}/ws`;
    const socket = new WebSocket(address, ['mcp'], { ca, family: 4, headers });
    onTestFinished(() => socket.terminate());
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const ask = (id: number, method: string, params: object): Promise<unknown> => {
      const answered = new Promise((resolve) =>
        socket.once('message', (data: Buffer) => resolve(JSON.parse(data.toString()))),
      );
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      return answered;
    };
    expect(await ask(1, 'initialize', INITIALIZE)).toMatchObject({ id: 1, result: {} });
    socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
    expect(await ask(2, 'tools/call', { name: 'whoami', arguments: {} })).toMatchObject({
      result: { content: [{ text: 'alice' }] },
    });
  });
});
