import { describe, expect, onTestFinished, test } from 'vitest';
import type { JsonRpcMessage, TransportLike } from '../server-product.ts';
import { createRemoteServer } from './remote-server.ts';

interface Sent {
  readonly method: string;
  readonly headers: Headers;
  readonly body: JsonRpcMessage | undefined;
  readonly signal: AbortSignal;
  readonly redirect: string | undefined;
}

/** A remote server whose answers `answer` makes, without a network. */
async function start(
  answer: (sent: Sent) => Response | Promise<Response>,
  { onHeard, ...more }: { retryMs?: number; onHeard?: (message: JsonRpcMessage) => void } = {},
) {
  const heard: { message: JsonRpcMessage; options: unknown }[] = [];
  const requests: Sent[] = [];
  let isClosed = false;
  const transport: TransportLike = {
    start: async () => undefined,
    send: async (message, options) => {
      heard.push({ message, options });
      onHeard?.(message);
    },
    close: async () => {
      isClosed = true;
    },
  };
  const server = createRemoteServer({
    url: 'https://x.example/mcp',
    headers: { authorization: 'Bearer upstream' },
    onError: () => undefined,
    fetch: async (_url, init = {}) => {
      const sent: Sent = {
        method: init.method ?? '',
        headers: new Headers(init.headers),
        body: typeof init.body === 'string' ? (JSON.parse(init.body) as JsonRpcMessage) : undefined,
        signal: init.signal as AbortSignal,
        redirect: init.redirect,
      };
      requests.push(sent);
      return answer(sent);
    },
    ...more,
  });
  onTestFinished(() => server.close());
  await server.connect(transport);
  const send = (message: JsonRpcMessage) => transport.onmessage?.(message);
  return { server, heard, requests, send, isClosed: () => isClosed };
}

const json = (body: object, init: ResponseInit = {}): Response =>
  new Response(JSON.stringify({ jsonrpc: '2.0', ...body }), {
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  });
const stream = (...messages: object[]): Response =>
  new Response(
    messages.map((message) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`).join(''),
    {
      headers: { 'content-type': 'text/event-stream' },
    },
  );
const call: JsonRpcMessage = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x' } };
const initialize: JsonRpcMessage = { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} };
const initialized: JsonRpcMessage = { jsonrpc: '2.0', method: 'notifications/initialized' };

describe('a server elsewhere', () => {
  test('says on the stream of a request what belongs to it, in its order', async () => {
    const { heard, send } = await start(() =>
      stream(
        { method: 'notifications/progress', params: { progress: 1 } },
        { id: 9, method: 'elicitation/create', params: {} },
        { id: 1, result: { done: true } },
        { method: 'notifications/late' },
      ),
    );
    send(call);
    await expect.poll(() => heard.length).toBe(3);
    expect(heard.map(({ options }) => options)).toEqual([
      { relatedRequestId: 1 },
      { relatedRequestId: 1 },
      undefined,
    ]);
    expect(heard.at(-1)?.message).toMatchObject({ id: 1, result: { done: true } });
  });

  test('has a session, a version and a stream of its own from when it is initialized', async () => {
    const { heard, requests, send, server } = await start(({ method, body }) => {
      if (method === 'GET') return stream({ method: 'notifications/tools/list_changed' });
      if (method === 'DELETE') return new Response(null, { status: 200 });
      if (body !== undefined && !('id' in body)) return new Response(null, { status: 202 });
      return json(
        { id: 0, result: { protocolVersion: '2025-06-18' } },
        { headers: { 'mcp-session-id': 's-1' } },
      );
    });
    send(initialize);
    await expect.poll(() => heard.length).toBe(1);
    send(initialized);
    await expect.poll(() => heard.length).toBe(2);
    expect(heard[1]).toMatchObject({
      message: { method: 'notifications/tools/list_changed' },
      options: undefined,
    });
    await server.close();
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST', 'GET', 'DELETE']);
    for (const { headers, redirect } of requests.slice(1)) {
      expect([headers.get('mcp-session-id'), headers.get('mcp-protocol-version')]).toEqual([
        's-1',
        '2025-06-18',
      ]);
      expect([headers.get('authorization'), redirect]).toEqual(['Bearer upstream', 'manual']);
    }
  });

  test('opens its own stream again where it broke off', async () => {
    let streams = 0;
    const ids: (string | null)[] = [];
    const { heard, send } = await start(
      ({ method, headers, body }) => {
        if (method === 'GET') {
          ids.push(headers.get('last-event-id'));
          streams += 1;
          if (streams > 2) return new Response(null, { status: 405 });
          const data = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
          return new Response(`id: e-${streams}\ndata: ${data}\n\n`, {
            headers: { 'content-type': 'text/event-stream' },
          });
        }
        if (body !== undefined && !('id' in body)) return new Response(null, { status: 202 });
        return json(
          { id: 0, result: { protocolVersion: '2025-06-18' } },
          { headers: { 'mcp-session-id': 's' } },
        );
      },
      { retryMs: 1 },
    );
    send(initialize);
    await expect.poll(() => heard.length).toBe(1);
    send(initialized);
    await expect.poll(() => ids).toEqual([null, 'e-1', 'e-2']);
    expect(heard).toHaveLength(3);
  });

  test('is told of a cancelled request, whose answer is not waited for', async () => {
    const { heard, requests, send } = await start(({ body, signal }) => {
      if (body !== undefined && !('id' in body)) return new Response(null, { status: 202 });
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
    });
    send(call);
    await expect.poll(() => requests.length).toBe(1);
    send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    await expect.poll(() => requests.length).toBe(2);
    expect(requests[0]?.signal.aborted).toBe(true);
    expect(heard).toEqual([]);
  });

  test.each([
    [
      'a session that no header can name',
      () => json({ id: 0, result: {} }, { headers: { 'mcp-session-id': 'a b' } }),
    ],
    ['a network that fails', () => Promise.reject(new TypeError('fetch failed'))],
    [
      'a body that fails',
      () => new Response(new ReadableStream({ pull: (c) => c.error(new Error('hunter2')) })),
    ],
  ])('answers in its place for %s', async (_name, answer) => {
    const { heard, send } = await start(answer);
    send(initialize);
    await expect.poll(() => heard.length).toBe(1);
    expect(heard[0]?.message).toMatchObject({ id: 0, error: { code: expect.any(Number) } });
    expect(JSON.stringify(heard)).not.toContain('hunter2');
  });

  test('is sent few answers at once, however much it asks', async () => {
    const pings = Array.from({ length: 2000 }, (_, index) => ({ id: `p${index}`, method: 'ping' }));
    const isAnswer = ({ body }: Sent): boolean => body !== undefined && !('method' in body);
    let answer = (): void => undefined;
    const answered = new Promise<Response>((resolve) => {
      answer = () => resolve(new Response(null, { status: 202 }));
    });
    const { heard, requests, send } = await start(
      (sent) => (isAnswer(sent) ? answered : stream(...pings, { id: 1, result: {} })),
      {
        onHeard: (message) => {
          if ('method' in message && 'id' in message) send({ jsonrpc: '2.0', id: message.id, result: {} });
        },
      },
    );
    send(call);
    await expect.poll(() => requests.filter(isAnswer).length).toBeGreaterThan(10);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(requests.filter(isAnswer).length).toBeLessThanOrEqual(33);
    answer();
    await expect.poll(() => heard.length).toBe(2001);
  });

  test('is not asked for its stream in a loop, whatever it says', async () => {
    const { requests, send } = await start(({ method, body }) => {
      if (method === 'GET') {
        const text = `retry: 0\nid: ${requests.length}\ndata: {}\n\n`;
        return new Response(text, { headers: { 'content-type': 'text/event-stream' } });
      }
      if (body !== undefined && 'id' in body) {
        return json({ id: body.id, result: {} }, { headers: { 'mcp-session-id': 's' } });
      }
      return new Response(null, { status: 202 });
    });
    send(initialize);
    await expect.poll(() => requests.length).toBe(1);
    send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    await expect.poll(() => requests.length).toBe(3);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(requests.filter(({ method }) => method === 'GET').length).toBeLessThan(3);
  });

  test('that does not know the credential any more is closed', async () => {
    const { heard, send, server, isClosed } = await start(() => new Response(null, { status: 401 }));
    send(call);
    await expect.poll(() => heard.length).toBe(1);
    await expect.poll(isClosed).toBe(true);
    expect(server.failure?.code).toBe('TOKEN_RESOLUTION_FAILED');
  });
});
