import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createNodeExchange, type Exchange, findHeader, headerValues, MAX_BODY_BYTES } from './exchange.ts';
import { createFetchExchange } from './fetch-exchange.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function listen(handle: Handler): Promise<URL> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
}

const GET = { method: 'GET', path: '/mcp', headers: [], timeoutMs: 5_000 } as const;

const KINDS: readonly (readonly [string, (url: URL) => Exchange])[] = [
  ['a connection of its own', createNodeExchange],
  ['fetch', (url) => createFetchExchange(url, globalThis.fetch)],
];

describe.each(KINDS)('an exchange through %s', (_, create) => {
  it('carries method, path, headers and body, and brings back the answer', async () => {
    const url = await listen((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        response.writeHead(418, { 'X-Seen': `${request.method ?? ''} ${request.url ?? ''}` });
        response.end(`${String(request.headers['x-sent'])} ${body}`);
      });
    });
    const answer = await create(url).send({
      method: 'POST',
      path: '/mcp?a=%22',
      headers: [['X-Sent', 'hello']],
      body: Uint8Array.of(0x68, 0x69),
      timeoutMs: 5_000,
    });
    expect(answer).toMatchObject({ status: 418, body: 'hello hi', ending: 'ended' });
    expect(findHeader(answer.headers, 'x-seen')).toBe('POST /mcp?a=%22');
  });

  it('takes a redirect for an answer', async () => {
    const seen: string[] = [];
    const url = await listen((request, response) => {
      seen.push(request.url ?? '');
      response.writeHead(302, { Location: '/elsewhere' }).end();
    });
    expect((await create(url).send(GET)).status).toBe(302);
    expect(seen).toEqual(['/mcp']);
  });

  it('reads no more than it may hold', async () => {
    const url = await listen((_request, response) => {
      response.on('error', () => undefined);
      response.end(Buffer.alloc(MAX_BODY_BYTES * 4, 'x'));
    });
    const answer = await create(url).send(GET);
    expect(answer.ending).toBe('too-large');
    expect(answer.body.length).toBeLessThan(MAX_BODY_BYTES * 2);
  });

  it('stops when it has read enough, or waits for nothing but the headers', async () => {
    const url = await listen((_request, response) => void response.write('data: 1\n\n'));
    const enough = await create(url).send({ ...GET, isEnough: (body) => body.includes('1') });
    expect(enough).toMatchObject({ status: 200, body: 'data: 1\n\n', ending: 'enough' });
    const none = await create(url).send({ ...GET, isEnough: () => true });
    expect(none).toMatchObject({ status: 200, ending: 'enough' });
  });

  it('leaves a stream that does not end, with what came so far', async () => {
    const url = await listen((_request, response) => void response.write('so far'));
    const answer = await create(url).send({ ...GET, timeoutMs: 200 });
    expect(answer).toMatchObject({ status: 200, body: 'so far', ending: 'timeout' });
  });

  it('tells a broken answer from a finished one', async () => {
    const url = await listen((_request, response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('part', () => response.destroy());
    });
    expect(await create(url).send(GET)).toMatchObject({ status: 200, ending: 'broken' });
  });

  it('rejects when no answer comes', async () => {
    const silent = await listen(() => undefined);
    await expect(create(silent).send({ ...GET, timeoutMs: 100 })).rejects.toMatchObject({
      code: 'TRANSPORT_ERROR',
      message: 'no answer within 100 ms',
    });
    const rude = await listen((request) => request.socket.destroy());
    await expect(create(rude).send(GET)).rejects.toMatchObject({ code: 'TRANSPORT_ERROR' });
  });
});

describe("an exchange through a function of its user's own", () => {
  const url = new URL('http://gate.invalid/mcp');

  it('gives up on one that never answers, and on a body that never ends', async () => {
    const silent = createFetchExchange(url, () => new Promise(() => undefined));
    await expect(silent.send({ ...GET, timeoutMs: 50 })).rejects.toMatchObject({
      message: 'no answer within 50 ms',
    });
    const endless = createFetchExchange(url, async () => new Response(new ReadableStream()));
    expect(await endless.send({ ...GET, timeoutMs: 50 })).toMatchObject({ status: 200, ending: 'timeout' });
  });
});

describe('a raw exchange', () => {
  it('sends repeated headers and a foreign Host as they are', async () => {
    let raw: readonly string[] = [];
    const url = await listen((request, response) => {
      raw = request.rawHeaders;
      response.setHeader('X-Twice', ['1', '2']).end();
    });
    const headers = [
      ['Authorization', 'Bearer a'],
      ['Host', 'elsewhere.invalid'],
      ['Authorization', 'Bearer \xff'],
    ] as const;
    const answer = await createNodeExchange(url).send({ ...GET, headers });
    expect(raw.slice(0, 6)).toEqual(headers.flat());
    expect(headerValues(answer.headers, 'x-twice')).toEqual(['1', '2']);
  });

  it('rejects what cannot be put on the wire', async () => {
    const url = await listen((_request, response) => void response.end());
    const headers = [['X-Broken', 'a\r\nb']] as const;
    await expect(createNodeExchange(url).send({ ...GET, headers })).rejects.toMatchObject({
      message: 'the request could not be sent: ERR_INVALID_CHAR',
    });
  });
});
