import { Client, InMemoryTransport } from '@modelcontextprotocol/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AuditSink } from '../../src/audit/audit-sink.ts';
import { AuthenticationError, ConfigurationError, TransportError } from '../../src/core/errors.ts';
import { createPrincipal } from '../../src/core/principal.ts';
import { createGate } from '../../src/gate.ts';
import { fromWebRequest } from '../../src/http/inbound-request.ts';
import { freePort, startGate } from '../support/gate-harness.ts';
import { NOTES_RULES, TOOLS } from '../support/notes.ts';
import { startNotes } from '../support/notes-gate.ts';
import { notesFactory } from '../support/notes-server.ts';
import { type Call, ERAS, headersOf, messageOf, rpc } from '../support/wire.ts';
import { SECRET } from './fixtures/options.ts';

const WHOAMI = { method: 'tools/call', params: { name: 'whoami', arguments: {} } };

function requestOf(url: string, call: Call): Request {
  return new Request(url, {
    method: 'POST',
    headers: headersOf(call),
    body: JSON.stringify(messageOf(call)),
  });
}

describe('[config/gate-api] fetch and handle', () => {
  test.each(ERAS)('fetch answers a Request, whose address is what its host says (%s)', async (era) => {
    const { gate, url, token, events } = await startNotes();
    const call = { era, token: await token(), ...WHOAMI };
    const answer = await gate.fetch(requestOf(url, call), { remoteAddress: '192.0.2.5' });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('"text":"alice"');
    expect(events.at(-1)).toMatchObject({ type: 'call', target: 'whoami', remoteAddress: '192.0.2.5' });

    expect((await gate.fetch(requestOf(url, call))).status).toBe(200);
    await expect.poll(() => events.filter(({ type }) => type === 'call')).toHaveLength(2);
    expect(events.at(-1)?.remoteAddress).toBeUndefined();
    expect((await gate.fetch(requestOf(url, { era, ...WHOAMI }))).status).toBe(401);
  });

  test('handle leaves the body of whoever is refused unread', async () => {
    const { gate, url, token, runs } = await startNotes();
    const ask = async (given: string | undefined) => {
      const inbound = fromWebRequest(requestOf(url, { era: '2026-07-28', token: given, ...WHOAMI }));
      let isRead = false;
      const body = () => {
        isRead = true;
        return inbound.body();
      };
      const { status } = await gate.handle({ ...inbound, body });
      return { status, isRead };
    };
    expect(await ask(undefined)).toEqual({ status: 401, isRead: false });
    expect(await ask('bad')).toEqual({ status: 401, isRead: false });
    expect(runs.built).toEqual([]);
    expect(await ask(await token())).toEqual({ status: 200, isRead: true });
  });
});

describe('[config/gate-api] listen and close', () => {
  const options = (port: number) => ({
    listen: { port },
    servers: { notes: { factory: notesFactory() } },
    auth: [{ type: 'jwt', secret: SECRET }] as const,
  });

  test('listen says where, and a gate listens once', async () => {
    const port = await freePort();
    const gate = await createGate(options(port));
    onTestFinished(() => gate.close());
    expect(await gate.listen()).toEqual({ url: `http://127.0.0.1:${port}/mcp`, host: '127.0.0.1', port });
    await expect(gate.listen()).rejects.toBeInstanceOf(ConfigurationError);
    await gate.close();
    await expect(gate.listen()).rejects.toThrow('The gate is closed');
  });

  test('an address that is taken is a TransportError, and may be tried again', async () => {
    const port = await freePort();
    const first = await createGate(options(port));
    const second = await createGate(options(port));
    onTestFinished(() => Promise.all([first.close(), second.close()]).then(() => undefined));
    await first.listen();
    await expect(second.listen()).rejects.toBeInstanceOf(TransportError);
    await first.close();
    expect((await second.listen()).port).toBe(port);
  });

  test('close may be called twice, at once and later, and releases each part once', async () => {
    const calls: string[] = [];
    const sink: AuditSink = {
      write: () => undefined,
      flush: async () => undefined,
      close: async () => void calls.push('sink'),
    };
    const { gate, url, token } = await startNotes({ audit: [sink] });
    const call = { era: '2026-07-28', token: await token(), ...WHOAMI } as const;
    await Promise.all([gate.close(), gate.close()]);
    await gate.close();
    expect(calls).toEqual(['sink']);
    const answer = await gate.fetch(requestOf(url, call));
    expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'SHUTTING_DOWN' }]);
  });

  test('close releases the other parts when one of them fails, and throws its failure', async () => {
    let isClosed = false;
    const sink: AuditSink = {
      write: () => undefined,
      flush: async () => undefined,
      close: async () => {
        isClosed = true;
      },
    };
    const provider = {
      authenticate: async () => ({ authenticated: false }),
      cleanup: () => Promise.reject(new Error('no end')),
    };
    const gate = await createGate({ ...options(await freePort()), auth: [provider], audit: [sink] });
    await expect(gate.close()).rejects.toThrow('authentication provider');
    expect(isClosed).toBe(true);
  });
});

describe('[config/gate-api] catalog, servers and poolStats', () => {
  test('catalog tells what a principal was shown, before filtering, until it is refreshed', async () => {
    const { gate, url, token, issuer } = await startNotes({ authorization: NOTES_RULES });
    const keyOf = (subject: string) => createPrincipal({ issuer: issuer.issuer, subject }).key;
    const namesFor = (subject: string) =>
      gate.catalog
        .tools('notes', keyOf(subject))
        ?.map(({ name }) => name)
        .toSorted();
    expect(namesFor('alice')).toBeUndefined();
    await rpc(url, { era: '2026-07-28', token: await token(), ...WHOAMI });
    expect(namesFor('alice')).toEqual(TOOLS);
    expect(namesFor('bob')).toBeUndefined();

    gate.catalog.refresh('notes');
    expect(namesFor('alice')).toBeUndefined();
    await rpc(url, { era: '2026-07-28', token: await token(), ...WHOAMI });
    gate.catalog.refresh();
    expect(namesFor('alice')).toBeUndefined();
    expect(() => gate.catalog.tools('files', keyOf('alice'))).toThrow(ConfigurationError);
    expect(() => gate.catalog.refresh('files')).toThrow('No server files: notes');
  });

  test('servers names each server with its resource and path', async () => {
    const { gate, origin } = await startGate({
      servers: { notes: { factory: notesFactory() }, files: { factory: notesFactory() } },
    });
    expect(gate.servers).toEqual([
      { name: 'notes', resource: `${origin}/mcp/notes`, path: '/mcp/notes' },
      { name: 'files', resource: `${origin}/mcp/files`, path: '/mcp/files' },
    ]);
  });

  test('poolStats counts pooled servers, and says nothing of fresh ones', async () => {
    const { gate, origin, token } = await startGate({
      servers: {
        notes: { factory: notesFactory(), instances: { mode: 'pooled', max: 5 } },
        files: { factory: notesFactory() },
      },
    });
    for (let call = 0; call < 2; call += 1) {
      await rpc(`${origin}/mcp/notes`, { era: '2026-07-28', token: await token(), ...WHOAMI });
    }
    const { notes, files } = gate.poolStats();
    expect(notes).toMatchObject({ size: 1, idle: 1, leased: 0, waiting: 0, created: 1 });
    expect(notes?.reused).toBeGreaterThanOrEqual(1);
    expect(files).toBeUndefined();
  });
});

describe('[config/gate-api] connect', () => {
  const ambient = (subject: string) => ({
    ambient: true,
    authenticate: async () => ({
      authenticated: true,
      principal: createPrincipal({ issuer: 'urn:here', subject }),
    }),
  });
  const two = { notes: { factory: notesFactory() }, files: { factory: notesFactory() } };

  test('serves the server that is named, until it is closed', async () => {
    const gate = await createGate({ servers: two, auth: [ambient('alice')] });
    onTestFinished(() => gate.close());
    const [clientSide, gateSide] = InMemoryTransport.createLinkedPair();
    await expect(gate.connect(gateSide)).rejects.toThrow('Name one of the servers: notes, files');
    await expect(gate.connect(gateSide, { server: 'mail' })).rejects.toBeInstanceOf(ConfigurationError);
    const connection = await gate.connect(gateSide, { server: 'files' });
    const client = new Client({ name: 'test', version: '1.0.0' });
    let isClosed = false;
    client.onclose = () => {
      isClosed = true;
    };
    await client.connect(clientSide);
    const { content } = await client.callTool({ name: 'whoami' });
    expect(content).toEqual([{ type: 'text', text: 'alice' }]);
    await connection.close();
    await expect.poll(() => isClosed).toBe(true);
  });

  test('ends with the gate', async () => {
    const gate = await createGate({ servers: { notes: two.notes }, auth: [ambient('alice')] });
    const [clientSide, gateSide] = InMemoryTransport.createLinkedPair();
    await gate.connect(gateSide);
    const client = new Client({ name: 'test', version: '1.0.0' });
    let isClosed = false;
    client.onclose = () => {
      isClosed = true;
    };
    await client.connect(clientSide);
    expect(isClosed).toBe(false);
    await gate.close();
    await expect.poll(() => isClosed).toBe(true);
  });

  test('serves nobody whom the environment does not name', async () => {
    const nobody = {
      ambient: true,
      authenticate: async () => ({ authenticated: false, reason: 'absent' as const }),
    };
    const gate = await createGate({ servers: { notes: two.notes }, auth: [nobody] });
    onTestFinished(() => gate.close());
    const [, gateSide] = InMemoryTransport.createLinkedPair();
    await expect(gate.connect(gateSide)).rejects.toBeInstanceOf(AuthenticationError);
  });
});
