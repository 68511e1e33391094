import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { ConfigurationError } from '../core/errors.ts';
import { createDispatcher } from './dispatch.ts';
import type { ExpressApp, InnerRequest, InnerResponse } from './inner-request.ts';

type App = (request: IncomingMessage, response: ServerResponse) => void;

const request = (parts: Partial<InnerRequest> = {}): InnerRequest => ({
  method: 'GET',
  target: '/',
  headers: {},
  connection: { remoteAddress: '203.0.113.5', encrypted: false },
  ...parts,
});

const dispatcherOf = (app: App, localAddress?: string) =>
  createDispatcher(app as ExpressApp, { timeoutMs: 5000, localAddress });

async function textOf({ body }: InnerResponse): Promise<string> {
  let text = '';
  for await (const chunk of body) text += Buffer.from(chunk).toString();
  return text;
}

describe('createDispatcher', () => {
  test('lists every problem of its options', () => {
    const making = () =>
      createDispatcher({} as ExpressApp, { timeoutMs: Number.NaN, localAddress: 'localhost' });
    expect(making).toThrow(ConfigurationError);
    expect(making).toThrow(/function[^]*timeoutMs[^]*localAddress/);
  });

  test.each([0, -1, 2 ** 31, Number.POSITIVE_INFINITY])('a timeout of %s ms is none', (timeoutMs) => {
    expect(() => createDispatcher((() => undefined) as ExpressApp, { timeoutMs })).toThrow(
      ConfigurationError,
    );
  });

  test('shows the app where the request came from and to', async () => {
    const app: App = ({ socket, headers }, response) => {
      const { remoteAddress, localAddress, localPort } = socket;
      response.end(JSON.stringify([remoteAddress, localAddress, localPort, headers.host]));
    };
    expect(await textOf(await dispatcherOf(app).dispatch(request()))).toBe(
      '["203.0.113.5","127.0.0.1",80,"127.0.0.1"]',
    );
    expect(await textOf(await dispatcherOf(app, '::1').dispatch(request()))).toBe(
      '["203.0.113.5","::1",80,"[::1]"]',
    );
  });

  test('an address that is not known is not made up', async () => {
    const app: App = ({ socket }, response) => void response.end(String(socket.remoteAddress));
    const answer = await dispatcherOf(app).dispatch(request({ connection: { encrypted: false } }));
    expect(await textOf(answer)).toBe('undefined');
  });

  test('gives fields in lower case, several values where there are several, none of the connection', async () => {
    const app: App = (_request, response) => {
      response
        .setHeader('Set-Cookie', ['a=1', 'b=2'])
        .setHeader('X-One', '1')
        .setHeader('Keep-Alive', 'timeout=9');
      response.write('chunk');
      response.end();
    };
    const { status, headers } = await dispatcherOf(app).dispatch(request());
    expect(status).toBe(200);
    expect(Object.keys(headers).sort()).toEqual(['date', 'set-cookie', 'x-one']);
    expect(headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], 'x-one': '1' });
  });

  test('leaves the bytes of the request alone, whatever the app does to what it reads', async () => {
    const app: App = (incoming, response) => {
      incoming.on('data', (chunk: Buffer) => chunk.fill(0)).on('end', () => response.end('done'));
    };
    const body = Buffer.alloc(300_000, 'x');
    await dispatcherOf(app).dispatch(request({ method: 'POST', body }));
    expect(body.equals(Buffer.alloc(300_000, 'x'))).toBe(true);
  });

  test('says in its rejection what cannot be said in HTTP', async () => {
    const asked = dispatcherOf(() => undefined).dispatch(request({ target: '/a\r\nx-forged: 1' }));
    await expect(asked).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
  });
});
