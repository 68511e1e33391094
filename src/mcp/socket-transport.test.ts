import { describe, expect, it } from 'vitest';
import type { MessageLink } from '../http/message-link.ts';
import type { JsonRpcMessage } from './server-product.ts';
import { createSocketTransport, type SocketTransportOptions } from './socket-transport.ts';

const NOTICE = { jsonrpc: '2.0', method: 'notifications/progress' } as const;
const requestOf = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/list' }) as const;

/** A link by hand: `hear` is the client, `sent` what it would get. */
function open(options: Partial<SocketTransportOptions> = {}) {
  const sent: JsonRpcMessage[] = [];
  const state = { isPaused: false, closed: undefined as unknown };
  const errors: unknown[] = [];
  const link: MessageLink = {
    onText: undefined,
    onClose: undefined,
    send: async (text) => void sent.push(JSON.parse(text) as JsonRpcMessage),
    pause: () => void (state.isPaused = true),
    resume: () => void (state.isPaused = false),
    close: (...how) => {
      state.closed = how;
      link.onClose?.();
    },
  };
  const transport = createSocketTransport(link, {
    maxDepth: 8,
    maxInFlight: 100,
    isAllowed: async () => true,
    onError: (error) => errors.push(error),
    ...options,
  });
  const received: JsonRpcMessage[] = [];
  transport.onmessage = (message) => void received.push(message);
  const started = transport.start();
  const hear = (message: object): void => link.onText?.(JSON.stringify(message));
  return { transport, started, hear, received, sent, state, errors };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a socket transport', () => {
  it('keeps the order while a notice is judged', async () => {
    let allow: ((isAllowed: boolean) => void) | undefined;
    const isAllowed = () => new Promise<boolean>((resolve) => (allow = resolve));
    const { hear, received } = open({ isAllowed });
    hear(requestOf(1));
    hear(NOTICE);
    hear(requestOf(2));
    await settled();
    expect(received).toEqual([requestOf(1)]);
    allow?.(true);
    await settled();
    expect(received).toEqual([requestOf(1), NOTICE, requestOf(2)]);
  });

  it('drops a notice that may not go on, or could not be judged, and goes on with the next', async () => {
    const answers = [async () => false, async () => Promise.reject(new Error('no')), async () => true];
    const { hear, received, errors } = open({
      isAllowed: async () => (answers.shift() ?? answers[0])?.() ?? false,
    });
    for (let count = 0; count < 3; count++) hear(NOTICE);
    hear(requestOf(1));
    await settled();
    expect(received).toEqual([NOTICE, requestOf(1)]);
    expect(errors).toHaveLength(1);
  });

  it('reads no more than the guard can judge, and goes on when it has', async () => {
    const { hear, transport, state } = open();
    for (let id = 0; id < 63; id++) hear(requestOf(id));
    expect(state.isPaused).toBe(false);
    hear(requestOf(63));
    expect(state.isPaused).toBe(true);
    for (let count = 0; count < 47; count++) transport.judged();
    expect(state.isPaused).toBe(true);
    transport.judged();
    expect(state.isPaused).toBe(false);
  });

  it('is idle when no call is without its answer; a subscription is none', async () => {
    const { hear, transport, sent } = open();
    hear({ ...requestOf(1), method: 'subscriptions/listen' });
    hear(requestOf(2));
    let isIdle = false;
    void transport.whenIdle().then(() => (isIdle = true));
    hear(requestOf(3));
    await settled();
    expect(isIdle).toBe(false);
    expect(sent).toEqual([expect.objectContaining({ id: 3, error: expect.anything() as unknown })]);
    await transport.send({ jsonrpc: '2.0', id: 2, result: {} });
    await settled();
    expect(isIdle).toBe(true);
  });

  it('is idle when its link is over', async () => {
    const { hear, transport, state } = open();
    hear(requestOf(1));
    const idle = transport.whenIdle();
    await transport.close();
    await idle;
    expect(state.closed).toEqual([1011, 'The server ended']);
  });
});
