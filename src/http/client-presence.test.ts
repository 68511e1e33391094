import { createServer, get, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ClientPresence, ResponsePresence, SignalPresence } from './client-presence.ts';

/** The presence of a client that waits for its answer, and the way for it to leave. */
async function setUp() {
  let respond: (found: readonly [ClientPresence, ServerResponse]) => void = () => undefined;
  const responding = new Promise<readonly [ClientPresence, ServerResponse]>((resolve) => {
    respond = resolve;
  });
  const server = createServer((_request, response) => respond([new ResponsePresence(response), response]));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const answered = new Promise<void>((resolve) => {
    const asking = get({ port: (server.address() as AddressInfo).port }, (answer) =>
      answer.resume().on('end', resolve),
    );
    asking.on('error', () => undefined);
    leave = () => asking.destroy();
  });
  const [presence, response] = await responding;
  return { presence, response, answered, leave: () => leave() };
}

let leave = (): void => undefined;

describe('ResponsePresence', () => {
  it('tells those who listen when the client goes away, and nobody who took that back', async () => {
    const { presence, leave: go } = await setUp();
    const heard: string[] = [];
    presence.onGone(() => heard.push('first'));
    presence.onGone(() => heard.push('second'))();
    const gone = new Promise<void>((resolve) => presence.onGone(resolve));
    expect(presence.isGone).toBe(false);
    go();
    await gone;
    expect([presence.isGone, heard]).toEqual([true, ['first']]);
  });

  it('has one signal, which aborts with it, whenever it is first read', async () => {
    const early = await setUp();
    const { signal } = early.presence;
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
    early.leave();
    await aborted;
    expect(early.presence.signal).toBe(signal);

    const late = await setUp();
    const gone = new Promise<void>((resolve) => late.presence.onGone(resolve));
    late.leave();
    await gone;
    expect(late.presence.signal.aborted).toBe(true);
  });

  it('takes a client that has its answer for one that stayed', async () => {
    const { presence, response, answered } = await setUp();
    const closed = new Promise<void>((resolve) => response.once('close', resolve));
    response.end('done');
    await Promise.all([answered, closed]);
    expect([presence.isGone, presence.signal.aborted]).toEqual([false, false]);
  });
});

describe('SignalPresence', () => {
  it('is what its signal says', () => {
    const controller = new AbortController();
    const presence = new SignalPresence(controller.signal);
    const heard: string[] = [];
    presence.onGone(() => heard.push('first'));
    presence.onGone(() => heard.push('second'))();
    expect(presence.isGone).toBe(false);
    controller.abort();
    expect([presence.isGone, heard]).toEqual([true, ['first']]);
  });
});
