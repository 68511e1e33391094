import { Agent, createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TransportError } from '../core/errors.ts';
import { type InboundHandler, type Listener, listen } from './listener.ts';
import type { UpgradeHandler } from './websocket-server.ts';

const ADDRESS = { host: '127.0.0.1', port: 0 };

async function start(handle: InboundHandler): Promise<Listener & { readonly url: string }> {
  const listener = await listen(handle, ADDRESS);
  onTestFinished(() => listener.close(0));
  return { ...listener, url: `http://127.0.0.1:${listener.port}` };
}

const ok: InboundHandler = async () => new Response('ok');

/** A handler that answers when the test says so. */
function createHeld() {
  let release = (): void => undefined;
  let isEntered = (): void => undefined;
  const entered = new Promise<void>((resolve) => {
    isEntered = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const handle: InboundHandler = async () => {
    isEntered();
    await released;
    return new Response('held');
  };
  return { handle, entered, release: () => release() };
}

describe('listen', () => {
  it('tells the port it was given', async () => {
    const { port, url } = await start(ok);
    expect(port).toBeGreaterThan(0);
    expect(await (await fetch(url)).text()).toBe('ok');
  });

  it('says which address is taken', async () => {
    const { port } = await start(ok);
    const taken = listen(ok, { host: '127.0.0.1', port });
    await expect(taken).rejects.toBeInstanceOf(TransportError);
    await expect(taken).rejects.toThrow(`Cannot listen on 127.0.0.1:${port} (EADDRINUSE)`);
  });

  it('cuts the connection of a handler that fails, and goes on', async () => {
    const { url } = await start(async ({ path }) => {
      if (path === '/throws') throw new Error('broken');
      if (path === '/breaks') {
        const body = new ReadableStream({ pull: (controller) => controller.error(new Error('broken')) });
        return new Response(body);
      }
      return new Response('ok');
    });
    await expect(fetch(`${url}/throws`)).rejects.toThrow('fetch failed');
    await expect(fetch(`${url}/breaks`)).rejects.toThrow('fetch failed');
    expect(await (await fetch(url)).text()).toBe('ok');
  });

  it('keeps a connection whose request was refused unread, once its body has come', async () => {
    const { url } = await start(async () => new Response('no', { status: 401 }));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const ports = new Set<number | undefined>();
    for (let index = 0; index < 20; index++) {
      await new Promise<void>((resolve, reject) => {
        const request = httpRequest(url, { method: 'POST', agent }, (response) => {
          ports.add((request.socket?.address() as AddressInfo | undefined)?.port);
          response.resume().on('end', resolve);
        });
        request.on('error', reject).end('x'.repeat(5000));
      });
    }
    expect(ports.size).toBe(1);
  });
});

describe('close', () => {
  it('lets running requests finish, and takes no new ones', async () => {
    const held = createHeld();
    const listener = await start(held.handle);
    const answer = fetch(listener.url).then((response) => response.text());
    await held.entered;
    let isClosed = false;
    const closing = listener.close(10_000).then(() => {
      isClosed = true;
    });
    await expect
      .poll(() =>
        fetch(listener.url).then(
          () => 'open',
          () => 'closed',
        ),
      )
      .toBe('closed');
    expect(isClosed).toBe(false);
    held.release();
    expect(await answer).toBe('held');
    await closing;
  });

  it('cuts what is left when its time is up', async () => {
    const held = createHeld();
    const listener = await start(held.handle);
    const answer = fetch(listener.url);
    // Settled later; until then its failure is nobody's surprise.
    answer.catch(() => undefined);
    await held.entered;
    await listener.close(100);
    await expect(answer).rejects.toThrow('fetch failed');
    held.release();
  });

  it('does not wait for connections on which nothing is asked', async () => {
    const listener = await start(ok);
    const silent = connect(listener.port, '127.0.0.1');
    const ended = new Promise((resolve) => silent.on('close', resolve));
    silent.resume();
    const kept = new Agent({ keepAlive: true });
    onTestFinished(() => kept.destroy());
    await new Promise<void>((resolve) => {
      httpRequest(listener.url, { agent: kept }, (response) => response.resume().on('end', resolve)).end();
    });
    await listener.close(60_000);
    await expect(ended).resolves.toBe(false);
  });

  it('cuts what whoever took an upgrade does not end', async () => {
    let isTaken = (): void => undefined;
    const taken = new Promise<void>((resolve) => {
      isTaken = resolve;
    });
    const upgrade: UpgradeHandler = () => {
      isTaken();
      return true;
    };
    const listener = await listen(ok, { ...ADDRESS, upgrade });
    const client = connect(listener.port, '127.0.0.1');
    onTestFinished(() => void client.destroy());
    const ended = new Promise((resolve) => client.on('close', resolve));
    client.write('GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    await taken;
    await listener.close(0);
    await expect(ended).resolves.toBe(false);
  });
});

it('a port that was closed can be listened on again', async () => {
  const first = await listen(ok, ADDRESS);
  await first.close(0);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(first.port, '127.0.0.1', resolve));
  expect(server.listening).toBe(true);
  server.close();
});
