import { InMemoryTransport, type JSONRPCMessage } from '@modelcontextprotocol/client';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SubscribeRequestSchema, UnsubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AuthProvider } from '../../src/authn/auth-provider.ts';
import { createPrincipal } from '../../src/core/principal.ts';
import { createGate } from '../../src/gate.ts';
import { startGate } from '../support/gate-harness.ts';
import { MODERN, openPeer } from '../support/peers.ts';
import { changesIn, heard, listen } from '../support/subscriptions.ts';

const ONE = 'note://one';
const TWO = 'note://two';

/** Servers of SDK v1 that tell of changes only whom they know as a subscriber. */
function createNotes() {
  const events: string[] = [];
  const subscribed = new Map<McpServer, Set<string>>();
  return {
    events,
    /** How many servers there are, built and not closed. */
    get open() {
      return subscribed.size;
    },
    change(uri: string) {
      for (const [server, uris] of subscribed)
        if (uris.has(uri)) void server.server.sendResourceUpdated({ uri });
    },
    factory: () => {
      const capabilities = { resources: { subscribe: true } };
      const server = new McpServer({ name: 'notes', version: '1.0.0' }, { capabilities });
      const uris = new Set<string>();
      subscribed.set(server, uris);
      const close = server.close.bind(server);
      server.close = async () => {
        subscribed.delete(server);
        await close();
      };
      server.registerResource('one', ONE, {}, () => ({ contents: [{ uri: ONE, text: '1' }] }));
      server.server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }) => {
        events.push(`+${uri}`);
        uris.add(uri);
        return {};
      });
      server.server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
        events.push(`-${uri}`);
        uris.delete(uri);
        return {};
      });
      return server;
    },
  };
}

describe('a v1 server behind a gate, in the 2026 era', () => {
  it('is subscribed to for each stream, and told of its end', async () => {
    const notes = createNotes();
    const { url, token } = await startGate({ servers: { notes: { factory: notes.factory } } });
    const alice = await openPeer({ url }, MODERN, await token());
    const bob = await openPeer({ url }, MODERN, await token({ subject: 'bob' }));
    const one = await listen(url, alice, { resourceSubscriptions: [ONE] });
    const two = await listen(url, bob, { resourceSubscriptions: [ONE, TWO] });
    expect(notes.events.toSorted()).toEqual([`+${ONE}`, `+${ONE}`, `+${TWO}`]);
    notes.change(TWO);
    notes.change(ONE);
    await Promise.all([heard(one, ONE), heard(two, ONE)]);
    expect([changesIn(one), changesIn(two)]).toEqual([[ONE], [TWO, ONE]]);
    two.close();
    await vi.waitFor(() => expect(notes.events).toContain(`-${TWO}`));
    await vi.waitFor(() => expect(notes.open).toBe(1));
    notes.change(ONE);
    await vi.waitFor(() => expect(changesIn(one)).toEqual([ONE, ONE]));
    one.close();
    await vi.waitFor(() => expect(notes.open).toBe(0));
  });

  it('is not asked for what the caller may not see', async () => {
    const notes = createNotes();
    const authorization = { resources: { [`notes/${TWO}`]: { roles: ['admin'] } } };
    const { url, token } = await startGate({ authorization, servers: { notes: { factory: notes.factory } } });
    const alice = await openPeer({ url }, MODERN, await token());
    const stream = await listen(url, alice, { resourceSubscriptions: [ONE, TWO] });
    expect(notes.events).toEqual([`+${ONE}`]);
    stream.close();
  });

  it('ends the stream when it closes', async () => {
    const notes = createNotes();
    const built: McpServer[] = [];
    const factory = () => {
      const server = notes.factory();
      built.push(server);
      return server;
    };
    const { url, token } = await startGate({ servers: { notes: { factory } } });
    const stream = await listen(url, await openPeer({ url }, MODERN, await token()), {
      resourceSubscriptions: [ONE],
    });
    await built.at(-1)?.close();
    expect(await stream.ended).toEqual({ clean: true });
  });

  it('is subscribed to once for all streams of a connection', async () => {
    const notes = createNotes();
    const principal = createPrincipal({ issuer: 'urn:test', subject: 'alice' });
    const provider: AuthProvider = {
      ambient: true,
      authenticate: async () => ({ authenticated: true, principal }),
    };
    const gate = await createGate({ auth: [provider], servers: { notes: { factory: notes.factory } } });
    onTestFinished(() => gate.close());
    const [client, server] = InMemoryTransport.createLinkedPair();
    await gate.connect(server);
    const received: JSONRPCMessage[] = [];
    client.onmessage = (message) => void received.push(message);
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const updates = () =>
      received.filter((message) => 'method' in message && message.method.endsWith('updated'));
    for (const id of [1, 2]) {
      const params = { notifications: { resourceSubscriptions: [ONE] }, _meta };
      await client.send({ jsonrpc: '2.0', id, method: 'subscriptions/listen', params });
    }
    await vi.waitFor(() => expect(received.length).toBe(2));
    expect(notes.events).toEqual([`+${ONE}`]);
    notes.change(ONE);
    await vi.waitFor(() => expect(updates().length).toBe(2));
    for (const requestId of [1, 2]) {
      await client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });
      if (requestId === 1) expect(notes.events).toEqual([`+${ONE}`]);
    }
    await vi.waitFor(() => expect(notes.events).toEqual([`+${ONE}`, `-${ONE}`]));
  });
});
