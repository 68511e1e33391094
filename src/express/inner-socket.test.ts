import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { InnerSocket, type SocketPeer } from './inner-socket.ts';

function open(peer: Partial<SocketPeer> = {}, remoteAddress: string | undefined = '203.0.113.5') {
  const whole: SocketPeer = {
    take: () => undefined,
    give: (_chunks, done) => done(),
    end: () => undefined,
    close: () => undefined,
    ...peer,
  };
  const addresses = { remoteAddress, encrypted: false, localAddress: '127.0.0.1', localPort: 80 };
  return new InnerSocket(whole, addresses);
}

describe('an inner socket', () => {
  test.each([
    ['203.0.113.5', 'IPv4'],
    ['2001:db8::1', 'IPv6'],
    ['somewhere', undefined],
  ])('knows the family of %s', (address, family) => {
    expect(open({}, address).remoteFamily).toBe(family);
  });

  test('says where it is', () => {
    const socket = open();
    expect(socket.address()).toEqual({ address: '127.0.0.1', family: 'IPv4', port: 80 });
    expect(socket).toMatchObject({ encrypted: undefined, connecting: false, readyState: 'open' });
    expect(socket.getPeerCertificate()).toEqual({});
    socket.end();
    expect(socket.readyState).toBe('readOnly');
    socket.destroy();
    expect(socket.readyState).toBe('closed');
  });

  test('gives what is written, together where it waited, and asks for no more meanwhile', async () => {
    const given: string[][] = [];
    let done: (() => void) | undefined;
    const socket = open({
      give(chunks, next) {
        given.push(chunks.map(String));
        done = next;
      },
    });
    for (const part of ['a', 'b', 'c']) socket.write(part);
    expect(given).toEqual([['a']]);
    done?.();
    await vi.waitFor(() => expect(given).toEqual([['a'], ['b', 'c']]));
    expect(socket.bytesWritten).toBe(3);
  });

  test('is destroyed once everything is out', async () => {
    const log: string[] = [];
    const socket = open({
      give: (chunks, done) => {
        log.push(String(chunks[0]));
        setImmediate(done);
      },
      end: () => void log.push('end'),
      close: () => void log.push('close'),
    });
    socket.write('last words');
    socket.destroySoon();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(log).toEqual(['last words', 'end', 'close']);
  });

  test('tells its peer with which error it was destroyed', async () => {
    const close = vi.fn<SocketPeer['close']>();
    const socket = open({ close });
    const error = new Error('broken');
    const seen = new Promise((resolve) => socket.once('error', resolve));
    socket.destroy(error);
    socket.destroy();
    expect(await seen).toBe(error);
    expect(close.mock.calls).toEqual([[error]]);
  });

  test('times out when nothing goes either way, again after something has', async () => {
    const listener = vi.fn<() => void>();
    const socket = open();
    expect(socket.setTimeout(20, listener)).toBe(socket);
    expect(socket.timeout).toBe(20);
    await vi.waitFor(() => expect(listener).toHaveBeenCalledTimes(1));
    const again = vi.fn<() => void>();
    socket.once('timeout', again);
    socket.write('x');
    await vi.waitFor(() => expect(again).toHaveBeenCalledTimes(1));
    socket.destroy();
  });

  test('does not time out once that is taken back, or it is closed', async () => {
    const listener = vi.fn<() => void>();
    const other = vi.fn<() => void>();
    const socket = open();
    socket.on('timeout', other);
    socket.setTimeout(5, listener);
    socket.setTimeout(0, listener);
    expect(socket.listenerCount('timeout')).toBe(1);
    socket.setTimeout(5);
    socket.destroy();
    socket.setTimeout(5);
    await sleep(30);
    expect(listener).not.toHaveBeenCalled();
    expect(other).not.toHaveBeenCalled();
  });
});
