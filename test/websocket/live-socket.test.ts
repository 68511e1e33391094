import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { createPrincipal } from '../../src/core/principal.ts';
import { startGate } from '../support/gate-harness.ts';
import { createGatedTool } from '../support/gated-tool.ts';
import { startNotes } from '../support/notes-gate.ts';
import { openRawSocket, socketUrl, type UpgradeRefused } from '../support/websocket-client.ts';
import { beginLegacy, callOf, hostSockets, withId } from '../support/websocket-peer.ts';

const REVOKED = { code: 4401, reason: 'The credential was revoked' };
const SHUT = { code: 1001, reason: 'The gate is shutting down' };

describe('[config/adapters-websocket] a live socket', () => {
  test('closes when its token expires, and not before', async () => {
    const gate = await startNotes({ listen: { webSocket: true } });
    const brief = await beginLegacy(socketUrl(gate.url), await gate.token({ expiresInSeconds: 3 }));
    const other = await beginLegacy(socketUrl(gate.url), await gate.token());
    brief.send(callOf('whoami', 1));
    expect((await brief.next(withId(1)))['result']).toBeDefined();
    expect(await brief.closed).toEqual({ code: 4401, reason: 'The credential has expired' });
    other.send(callOf('whoami', 1));
    expect((await other.next(withId(1)))['result']).toBeDefined();
  });

  test('closes when its token is revoked, and so does nobody else’s', async () => {
    const gate = await startNotes({ listen: { webSocket: true } });
    const token = await gate.token();
    const [first, second] = [
      await beginLegacy(socketUrl(gate.url), token),
      await beginLegacy(socketUrl(gate.url), token),
    ];
    const other = await beginLegacy(socketUrl(gate.url), await gate.token({ claims: { jti: 'another' } }));
    gate.gate.revoke({ token });
    expect([await first.closed, await second.closed]).toEqual([REVOKED, REVOKED]);
    other.send(callOf('whoami', 1));
    expect((await other.next(withId(1)))['result']).toBeDefined();
  });

  test('closes when its principal is revoked, with its calls', async () => {
    const tool = createGatedTool();
    const gate = await startGate({
      servers: { gated: { factory: tool.factory } },
      listen: { webSocket: true },
    });
    const alice = await beginLegacy(socketUrl(gate.url), await gate.token());
    const bob = await beginLegacy(socketUrl(gate.url), await gate.token({ subject: 'bob' }));
    alice.send(callOf('wait', 1));
    await expect.poll(() => tool.inside).toBe(1);
    const [event] = gate.events;
    const { key } = createPrincipal({ issuer: event?.issuer ?? '', subject: 'alice' });
    gate.gate.revoke({ principalKey: key });
    expect(await alice.closed).toEqual(REVOKED);
    bob.send(callOf('quick', 1));
    expect((await bob.next(withId(1)))['result']).toBeDefined();
    const outcome = () => gate.events.find(({ target }) => target === 'wait')?.code;
    await expect.poll(outcome).toBe('aborted');
  });

  test.each(['token', 'principal'] as const)(
    'never begins when its %s is revoked meanwhile',
    async (what) => {
      let hold = false;
      let release = (): void => undefined;
      const resolveToken = async (): Promise<string> => {
        if (hold) await new Promise<void>((resolve) => (release = resolve));
        return 'upstream';
      };
      const gate = await startNotes({
        listen: { webSocket: true },
        tenancy: { credentials: { notes: { resolveToken } } },
      });
      const token = await gate.token();
      await openRawSocket(socketUrl(gate.url), { token });
      hold = true;
      const late = openRawSocket(socketUrl(gate.url), { token });
      const { key } = createPrincipal({ issuer: gate.issuer.issuer, subject: 'alice' });
      await new Promise((resolve) => setTimeout(resolve, 100));
      gate.gate.revoke(what === 'token' ? { token } : { principalKey: key });
      release();
      expect(await (await late).closed).toEqual(REVOKED);
    },
  );

  test('at shutdown has its calls finished, takes no new ones, and closes', async () => {
    const tool = createGatedTool();
    const gate = await startGate({
      servers: { gated: { factory: tool.factory } },
      listen: { webSocket: true },
    });
    const idle = await beginLegacy(socketUrl(gate.url), await gate.token());
    const busy = await beginLegacy(socketUrl(gate.url), await gate.token());
    busy.send(callOf('wait', 'held'));
    await expect.poll(() => tool.inside).toBe(1);
    const closing = gate.gate.close();
    expect(await idle.closed).toEqual(SHUT);
    busy.send(callOf('quick', 'late'));
    const late = await busy.next(withId('late'));
    expect(late['error']?.['data']).toMatchObject({ code: 'SHUTTING_DOWN' });
    tool.open();
    const held = await busy.next(withId('held'));
    expect(held['result']?.['content']).toEqual([{ type: 'text', text: 'waited' }]);
    expect(await busy.closed).toEqual(SHUT);
    await closing;
    expect(gate.events.find(({ target }) => target === 'wait')?.outcome).toBe('allow');
  });

  test('closes after the grace, though a call has no end', async () => {
    const tool = createGatedTool();
    const { gate, token, url, events } = await startGate({ servers: { gated: { factory: tool.factory } } });
    const entry = gate.webSocket();
    const server = createServer().on('upgrade', entry.upgrade);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const peer = await beginLegacy(socketUrl(url.replace(/:\d+/, `:${port}`)), await token());
    peer.send(callOf('wait', 1));
    await expect.poll(() => tool.inside).toBe(1);
    await entry.close(50);
    expect(await peer.closed).toEqual(SHUT);
    expect(events.find(({ target }) => target === 'wait')?.outcome).toBe('failure');
  });

  test('is cut when its peer does not answer pings, and only then', async () => {
    const gate = await hostSockets(
      { servers: { gated: { factory: createGatedTool().factory } } },
      { heartbeatMs: 400 },
    );
    const headers = { authorization: `Bearer ${await gate.token()}` };
    const dead = new WebSocket(gate.sockets, ['mcp'], { headers, autoPong: false });
    const alive = await beginLegacy(gate.sockets, await gate.token());
    const code = await new Promise((resolve) => dead.once('close', resolve));
    expect(code).toBe(1006);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    alive.send(callOf('quick', 1));
    expect((await alive.next(withId(1)))['result']).toBeDefined();
  });

  test('closes when a message in pieces does not end, though its peer answers pings', async () => {
    const gate = await hostSockets(
      { servers: { gated: { factory: createGatedTool().factory } } },
      { heartbeatMs: 200 },
    );
    const stalling = await beginLegacy(gate.sockets, await gate.token());
    const trickling = await beginLegacy(gate.sockets, await gate.token());
    stalling.socket.send('{"jsonrpc"', { fin: false });
    const drip = setInterval(() => trickling.socket.send(' ', { fin: false }), 50);
    onTestFinished(() => clearInterval(drip));
    const late = { code: 1008, reason: 'A message took too long to arrive' };
    expect([await stalling.closed, await trickling.closed]).toEqual([late, late]);
    await expect.poll(() => gate.service.size).toBe(0);
  });

  test('takes messages in pieces for as long as each of them ends', async () => {
    const gate = await hostSockets(
      { servers: { gated: { factory: createGatedTool().factory } } },
      { heartbeatMs: 400 },
    );
    const peer = await beginLegacy(gate.sockets, await gate.token());
    for (let id = 0; id < 20; id++) {
      const text = JSON.stringify(callOf('quick', id));
      peer.socket.send(text.slice(0, 10), { fin: false });
      await new Promise((resolve) => setTimeout(resolve, 60));
      peer.socket.send(text.slice(10), { fin: true });
      expect((await peer.next(withId(id)))['result']).toBeDefined();
    }
  });

  test('is cut when its peer asks and does not read', async () => {
    const gate = await hostSockets({ servers: { gated: { factory: createGatedTool().factory } } }, {});
    const peer = await beginLegacy(gate.sockets, await gate.token());
    peer.socket.pause();
    // Every answer repeats the id of its request.
    const big = 'x'.repeat(200_000);
    await expect
      .poll(
        () => {
          for (let index = 0; index < 20; index++) peer.send(callOf('quick', `${Math.random()}${big}`));
          return gate.service.size;
        },
        { timeout: 15_000 },
      )
      .toBe(0);
  });

  test('is one of so many of its principal, and of so many in all', async () => {
    const gate = await hostSockets(
      { servers: { gated: { factory: createGatedTool().factory } } },
      { maxConnections: 3, maxConnectionsPerPrincipal: 2 },
    );
    const open = async (subject: string) =>
      openRawSocket(gate.sockets, { token: await gate.token({ subject }) });
    const status = async (subject: string) =>
      open(subject).then(
        () => 101,
        (error: unknown) => (error as UpgradeRefused).status,
      );
    const [first] = [await open('alice'), await open('alice')];
    expect(await status('alice')).toBe(429);
    expect([await status('bob'), await status('carol')]).toEqual([101, 503]);
    first?.socket.close();
    await expect.poll(() => gate.service.size).toBe(2);
    expect(await status('alice')).toBe(101);
    const codes = gate.events.filter(({ outcome }) => outcome === 'failure').map(({ code }) => code);
    expect(codes).toEqual(['not_run', 'not_run']);
  });

  test('of one user is never served as another’s', async () => {
    const gate = await startNotes({ listen: { webSocket: true } });
    const subjects = ['alice', 'bob', 'carol', 'dave'];
    const answers = await Promise.all(
      subjects.map(async (subject) => {
        const peer = await beginLegacy(socketUrl(gate.url), await gate.token({ subject }));
        // The same ids on each of them.
        for (let id = 1; id <= 20; id++) peer.send(callOf('whoami', id));
        await Promise.all(Array.from({ length: 20 }, (_, index) => peer.next(withId(index + 1))));
        const results = peer.messages.filter(({ id }) => typeof id === 'number').map(({ result }) => result);
        return new Set(results.map((result) => JSON.stringify(result?.['content'])));
      }),
    );
    expect(answers.map((texts) => [...texts])).toEqual(
      subjects.map((text) => [JSON.stringify([{ type: 'text', text }])]),
    );
  });

  test('ends when the upstream token behind it changes', async () => {
    let upstream: string | null = null;
    const resolver = { resolveToken: async () => upstream };
    const gate = await startNotes({
      listen: { webSocket: true },
      tenancy: { credentials: { notes: resolver } },
    });
    const early = await beginLegacy(socketUrl(gate.url), await gate.token());
    early.send(callOf('whoami', 1));
    expect(JSON.stringify(await early.next(withId(1)))).toContain('No notes account is linked');
    upstream = 'upstream-1';
    early.send(callOf('whoami', 2));
    expect((await early.next(withId(2)))['error']?.['data']).toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
    });
    expect((await early.closed).code).toBe(1012);
    const next = await beginLegacy(socketUrl(gate.url), await gate.token());
    next.send(callOf('whoami', 1));
    expect((await next.next(withId(1)))['result']).toBeDefined();
    expect(gate.runs.calls.map(({ token }) => token)).toEqual(['upstream-1']);
  });
});
