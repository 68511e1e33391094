import { describe, expect, test } from 'vitest';
import type { LimitsConfig } from '../../src/config/options.ts';
import type { TokenInit } from '../../src/testing/local-issuer.ts';
import { startGate } from '../support/gate-harness.ts';
import { createGatedTool } from '../support/gated-tool.ts';
import { startNotes } from '../support/notes-gate.ts';
import { MODES, openPeer } from '../support/peers.ts';
import { exchangeBytes, toBytes } from '../support/raw-socket.ts';
import { ERAS, type Era, messageOf, type RawResponse, raw, rpc } from '../support/wire.ts';

const TOO_MANY = {
  status: 429,
  headers: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/) },
  json: { code: 'RATE_LIMIT_EXCEEDED' },
};

async function startLimited(limits: LimitsConfig) {
  const notes = await startNotes({
    limits,
    tenancy: { from: 'claim', required: false, toUserId: 'subject' },
  });
  const call = async (init: Partial<TokenInit> = {}, name = 'whoami', era: Era = '2025-11-25') =>
    rpc(notes.url, {
      era,
      token: await notes.token(init),
      method: 'tools/call',
      params: { name, arguments: { text: '' } },
    });
  const statuses = async (count: number, ...args: Parameters<typeof call>) => {
    const answers: RawResponse[] = [];
    for (let index = 0; index < count; index++) answers.push(await call(...args));
    return answers.map(({ status }) => status);
  };
  return { ...notes, call, statuses };
}

describe('[config/limits] calls', () => {
  test.each(ERAS)('per principal, whichever token is used (%s)', async (era) => {
    const { call, statuses, events } = await startLimited({ calls: [{ per: 'principal', rate: '3/h' }] });
    expect(await statuses(3, {}, 'whoami', era)).toEqual([200, 200, 200]);
    const refused = await call({}, 'echo', era);
    expect(refused).toMatchObject(TOO_MANY);
    expect(refused.json?.['error']).toBe('Too many calls; try again later');
    expect(events.at(-1)).toMatchObject({
      type: 'refused',
      code: 'RATE_LIMIT_EXCEEDED',
      subject: 'alice',
      target: 'echo',
    });
    // Others have their own, also those of the same name elsewhere.
    expect(await statuses(3, { subject: 'bob' }, 'whoami', era)).toEqual([200, 200, 200]);
    expect(await statuses(3, { tenant: 'acme' }, 'whoami', era)).toEqual([200, 200, 200]);
  });

  test('a list is a call too', async () => {
    const { url, token, statuses } = await startLimited({ calls: [{ per: 'principal', rate: '2/h' }] });
    expect(await statuses(2)).toEqual([200, 200]);
    expect(await rpc(url, { era: '2025-11-25', token: await token(), method: 'tools/list' })).toMatchObject(
      TOO_MANY,
    );
  });

  test('per tenant, of all its people together', async () => {
    const { statuses, call } = await startLimited({ calls: [{ per: 'tenant', rate: '2/h' }] });
    expect(await statuses(1, { subject: 'alice', tenant: 'acme' })).toEqual([200]);
    expect(await statuses(2, { subject: 'bob', tenant: 'acme' })).toEqual([200, 429]);
    expect(await call({ subject: 'bob', tenant: 'globex' })).toMatchObject({ status: 200 });
    expect(await statuses(3, { subject: 'carol' })).toEqual([200, 200, 200]);
  });

  test('per tool, of each principal', async () => {
    const { statuses } = await startLimited({ calls: [{ per: 'tool', rate: '1/h' }] });
    expect(await statuses(2, {}, 'whoami')).toEqual([200, 429]);
    expect(await statuses(2, {}, 'echo')).toEqual([200, 429]);
    expect(await statuses(1, { subject: 'bob' }, 'whoami')).toEqual([200]);
  });

  test('of some tools only', async () => {
    const { statuses } = await startLimited({ calls: [{ per: 'principal', rate: '1/h', tool: 'notes/w*' }] });
    expect(await statuses(3, {}, 'echo')).toEqual([200, 200, 200]);
    expect(await statuses(1, {}, 'whoami')).toEqual([200]);
    expect(await statuses(1, {}, 'write')).toEqual([429]);
  });

  test('all limits must allow it, and a refused call counts in none', async () => {
    const { statuses } = await startLimited({
      calls: [
        { per: 'principal', rate: '4/h' },
        { per: 'principal', rate: '1/h', tool: 'notes/echo' },
      ],
    });
    expect(await statuses(5, {}, 'echo')).toEqual([200, 429, 429, 429, 429]);
    expect(await statuses(4, {}, 'whoami')).toEqual([200, 200, 200, 429]);
  });

  test('of a batch each count, and a batch that is too much runs nothing', async () => {
    const { url, token, runs } = await startLimited({ calls: [{ per: 'principal', rate: '5/h', burst: 3 }] });
    const peer = await openPeer({ url }, MODES[0] ?? expect.fail(), await token());
    const call = { method: 'tools/call', params: { name: 'whoami' } };
    expect(await peer.batch([call, call])).toMatchObject({ status: 200 });
    expect(await peer.batch([call, call])).toMatchObject(TOO_MANY);
    expect(runs.calls).toHaveLength(2);
  });

  test('come back with time', async () => {
    const { statuses, call } = await startLimited({ calls: [{ per: 'principal', rate: '2/s', burst: 1 }] });
    expect(await statuses(2)).toEqual([200, 429]);
    await expect.poll(async () => (await call()).status, { interval: 200 }).toBe(200);
  });
});

describe('[config/limits] failures, bodies and time', () => {
  test('failures per address', async () => {
    const { url, events } = await startLimited({ failures: { max: 3, windowSeconds: 3600 } });
    const fail = () => rpc(url, { era: '2025-11-25', token: 'wrong', method: 'tools/list' });
    for (let index = 0; index < 3; index++) expect(await fail()).toMatchObject({ status: 401 });
    expect(await fail()).toMatchObject(TOO_MANY);
    expect(events.at(-1)).toMatchObject({
      code: 'RATE_LIMIT_EXCEEDED',
      detail: 'failure limit of the address',
    });
  });

  test('bytes and depth of a body', async () => {
    const { url, token } = await startLimited({ bodyBytes: 1024, bodyDepth: 8 });
    const headers = [
      ['authorization', `Bearer ${await token()}`],
      ['content-type', 'application/json'],
    ] as const;
    const post = (body: string) => raw(url, { method: 'POST', headers, body });
    expect((await post('1'.repeat(1025))).status).toBe(413);
    expect((await post('['.repeat(9))).json?.['error']).toMatchObject({
      message: 'The body nests deeper than 8 levels',
    });
  });

  describe.each(MODES)('$mode', (mode) => {
    test('calls at once', async () => {
      const tool = createGatedTool();
      const harness = await startGate({
        servers: { gated: { factory: tool.factory, sessions: mode.sessions } },
        limits: { concurrency: 2 },
      });
      const alice = await openPeer(harness, mode, await harness.token());
      const bob = await openPeer(harness, mode, await harness.token({ subject: 'bob' }));
      const wait = { method: 'tools/call', params: { name: 'wait' } };
      const quick = { method: 'tools/call', params: { name: 'quick' } };
      const waiting = [alice.send({ ...wait, id: 11 }), alice.send({ ...wait, id: 12 })];
      await expect.poll(() => tool.inside).toBe(2);
      expect(await alice.send({ ...quick, id: 13 })).toMatchObject(TOO_MANY);
      expect(await bob.send(quick)).toMatchObject({ status: 200 });
      tool.open();
      for (const answer of await Promise.all(waiting)) expect(answer).toMatchObject({ status: 200 });
      expect(await alice.send({ ...quick, id: 14 })).toMatchObject({ status: 200 });
    });

    test('a call that takes too long is ended, and its place is free again', async () => {
      const tool = createGatedTool();
      const harness = await startGate({
        servers: { gated: { factory: tool.factory, sessions: mode.sessions } },
        limits: { concurrency: 1, timeoutMs: 200 },
      });
      const alice = await openPeer(harness, mode, await harness.token());
      const answer = await alice.send({ method: 'tools/call', params: { name: 'wait' }, id: 11 });
      expect(answer.json).toMatchObject({
        id: 11,
        error: {
          code: -32001,
          message: expect.stringContaining('200 ms'),
          data: { code: 'REQUEST_TIMEOUT' },
        },
      });
      expect(await alice.send({ method: 'tools/call', params: { name: 'quick' }, id: 12 })).toMatchObject({
        status: 200,
      });
      expect(harness.events.filter(({ target }) => target === 'wait')).toMatchObject([
        { outcome: 'failure', code: '-32001' },
      ]);
      // The late answer goes nowhere.
      tool.open();
    });

    test('a client that leaves gives its place back when its call is over, not before', async () => {
      const tool = createGatedTool();
      const harness = await startGate({
        servers: { gated: { factory: tool.factory, sessions: mode.sessions } },
        limits: { concurrency: 1 },
      });
      const alice = await openPeer(harness, mode, await harness.token());
      const call = { method: 'tools/call', params: { name: 'wait' }, id: 11 };
      const body = JSON.stringify(messageOf({ ...call, era: mode.era }));
      const lines = alice.headers(call).map(([name, value]) => `${name}: ${value}`);
      const bytes = toBytes(
        ['POST /mcp HTTP/1.1', 'Host: 127.0.0.1', ...lines, `Content-Length: ${body.length}`],
        body,
      );
      const left = exchangeBytes(harness.url, bytes, { patienceMs: 300, streamPatienceMs: 300 });
      await expect.poll(() => tool.inside).toBe(1);
      expect(await left).toMatchObject({ complete: false });
      const outcomes = () => harness.events.flatMap(({ target, code }) => (target === 'wait' ? [code] : []));
      const quick = { method: 'tools/call', params: { name: 'quick' }, id: 12 };
      if (mode.sessions.mode === 'stateful') {
        // In the sessions of 2025 a client that is gone may come back: its call goes on.
        expect(await alice.send(quick)).toMatchObject(TOO_MANY);
        tool.open();
        await expect.poll(async () => (await alice.send(quick)).status).toBe(200);
        expect(outcomes()).toEqual([undefined]);
      } else {
        // It is cancelled, and nobody hears when the tool has really stopped: the place is held for a while.
        await expect.poll(outcomes).toEqual(['aborted']);
        expect(await alice.send(quick)).toMatchObject(TOO_MANY);
        tool.open();
      }
    });
  });

  test('a server’s own time limit wins over the one of all', async () => {
    const tool = createGatedTool();
    const harness = await startGate({
      servers: { gated: { factory: tool.factory, timeoutMs: 150 } },
      limits: { timeoutMs: 60_000 },
    });
    const token = await harness.token();
    const answer = await rpc(harness.url, {
      era: '2025-11-25',
      token,
      method: 'tools/call',
      params: { name: 'wait' },
    });
    expect(answer.json).toMatchObject({ error: { message: expect.stringContaining('150 ms') } });
    tool.open();
  });
});
