import { InsufficientScopeError } from '@modelcontextprotocol/client';
import { describe, expect, test } from 'vitest';
import { parseChallenge, scopesAskedBy } from '../../support/challenge.ts';
import { CLIENTS, connectV2 } from '../../support/clients.ts';
import { NOTES_RULES, SDKS } from '../../support/notes.ts';
import { startNotes } from '../../support/notes-gate.ts';
import { BATCH_MODES, MODERN, MODES, openPeer, type PeerCall, STATELESS } from '../../support/peers.ts';
import { headersOf, messageOf, messagesIn, raw, rpc } from '../../support/wire.ts';

const WRITE: PeerCall = { method: 'tools/call', params: { name: 'write', arguments: {} } };
const ECHO: PeerCall = { method: 'tools/call', params: { name: 'echo', arguments: { text: 'x' } } };
const DRAFT: PeerCall = { method: 'prompts/get', params: { name: 'draft', arguments: { who: 'x' } } };
const READ_DRAFT: PeerCall = { method: 'resources/read', params: { uri: 'notes://draft/1' } };

const completion = (ref: object, name: string): PeerCall => ({
  method: 'completion/complete',
  params: { ref, argument: { name, value: '' } },
});

/** One operation of every kind, and the scope that it needs by {@link NOTES_RULES}. */
const OPERATIONS: Readonly<Record<string, readonly [PeerCall, string]>> = {
  'a tool': [WRITE, 'notes:write'],
  'a prompt': [DRAFT, 'notes:draft'],
  'a resource': [READ_DRAFT, 'notes:draft'],
  'a completion of a prompt': [completion({ type: 'ref/prompt', name: 'draft' }, 'who'), 'notes:draft'],
  'a completion of a resource': [
    completion({ type: 'ref/resource', uri: 'notes://draft/{id}' }, 'id'),
    'notes:draft',
  ],
};

describe.each(SDKS)('[resource-server/7] too little scope at a server of SDK %s', (sdk) => {
  describe.each(MODES)('($mode)', (mode) => {
    test.each(Object.entries(OPERATIONS))(
      'is asked for, and enough of it serves: %s',
      async (_name, [call, scope]) => {
        const notes = await startNotes({ sdk, mode, authorization: NOTES_RULES });
        const poor = await openPeer(notes, mode, await notes.token({ scopes: ['notes:read'] }));
        const answer = await poor.send(call);
        expect(answer.status).toBe(403);
        expect(parseChallenge(answer)).toEqual({
          scheme: 'Bearer',
          parameters: {
            error: 'insufficient_scope',
            error_description: 'More scope is needed for this operation',
            scope,
            resource_metadata: `${notes.origin}/.well-known/oauth-protected-resource/mcp`,
          },
        });
        expect(notes.runs.calls).toEqual([]);
        const rich = await openPeer(notes, mode, await notes.token({ scopes: [scope] }));
        const served = await rich.send(call);
        expect([served.status, served.json?.['error']]).toEqual([200, undefined]);
        expect(notes.runs.calls).toHaveLength(1);
      },
    );
  });

  test('is asked for when a resource is subscribed to, in both eras', async () => {
    const notes = await startNotes({ sdk, authorization: NOTES_RULES });
    const token = await notes.token();
    const subscribe = { method: 'resources/subscribe', params: { uri: 'notes://draft/1' } };
    const listen = {
      method: 'subscriptions/listen',
      params: { notifications: { resourceSubscriptions: ['notes://public/1', 'notes://draft/1'] } },
    };
    for (const [era, call] of [
      [STATELESS.era, subscribe],
      [MODERN.era, listen],
    ] as const) {
      const answer = await rpc(notes.url, { era, token, ...call });
      expect([answer.status, scopesAskedBy(answer)]).toEqual([403, ['notes:draft']]);
    }
    expect(notes.runs.calls).toEqual([]);
  });
});

test('[resource-server/7] all scopes of a subscription are in one challenge, whichever resource needs them', async () => {
  const resources = {
    'notes/notes://draft/*': { scopes: ['notes:draft'] },
    'notes/notes://public/*': { scopes: ['notes:read'] },
    'notes/notes://secret/*': { roles: ['admin'], scopes: ['notes:secret'] },
  };
  const notes = await startNotes({ authorization: { endpoint: { scopes: ['mcp:use'] }, resources } });
  const uris = ['notes://public/1', 'notes://secret/1', 'notes://draft/1', 'notes://draft/2'];
  const call = { method: 'subscriptions/listen', params: { notifications: { resourceSubscriptions: uris } } };
  const answer = await rpc(notes.url, { era: MODERN.era, token: await notes.token(), ...call });
  expect([answer.status, scopesAskedBy(answer)]).toEqual([403, ['mcp:use', 'notes:draft', 'notes:read']]);
});

describe.each(MODES)('[resource-server/7] all scopes of an operation ($mode)', (mode) => {
  const authorization = {
    endpoint: { scopes: ['mcp:use'] },
    tools: {
      'notes/*': { scopes: ['notes:any'] },
      'notes/wr*': { scopes: { anyOf: ['notes:write', 'notes:admin'] } },
      'notes/write': { scopes: ['notes:log'] },
    },
  };
  const ALL = ['mcp:use', 'notes:any', 'notes:log', 'notes:write'];

  test('are in one challenge, whatever of them the token has', async () => {
    const notes = await startNotes({ mode, authorization });
    const calls = async (scopes: readonly string[]) => {
      const token = await notes.token({ scopes });
      return rpc(notes.url, { era: mode.era, token, ...WRITE });
    };
    for (const scopes of [[], ['mcp:use'], ['mcp:use', 'notes:any'], ['notes:log', 'notes:write']]) {
      const answer = await calls(scopes);
      expect([answer.status, scopesAskedBy(answer)]).toEqual([403, ALL]);
    }
    expect(scopesAskedBy(await calls(['notes:admin']))).toEqual([
      'mcp:use',
      'notes:admin',
      'notes:any',
      'notes:log',
    ]);
    expect(notes.runs.calls).toEqual([]);
    const enough = await openPeer(notes, mode, await notes.token({ scopes: ALL }));
    expect((await enough.send(WRITE)).status).toBe(200);
  });

  test('of the endpoint are needed for every method', async () => {
    const { url, token, runs } = await startNotes({ mode, authorization });
    const value = await token({ scopes: ['notes:any'] });
    const methods = [
      'initialize',
      'server/discover',
      'ping',
      'tools/list',
      'prompts/list',
      'resources/list',
      'no/such',
    ];
    for (const method of methods) {
      const answer = await rpc(url, { era: mode.era, token: value, method });
      expect([method, answer.status, scopesAskedBy(answer)]).toEqual([method, 403, ['mcp:use']]);
    }
    const notification = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
    const headers = headersOf({ era: mode.era, token: value, method: 'notifications/initialized' });
    expect((await raw(url, { method: 'POST', headers, body: notification })).status).toBe(403);
    expect(runs.built).toEqual([]);
  });
});

describe.each(SDKS)('[resource-server/7] a batch at a server of SDK %s', (sdk) => {
  test.each(BATCH_MODES)('asks once for what all its messages need, and runs none ($mode)', async (mode) => {
    const notes = await startNotes({ sdk, mode, authorization: NOTES_RULES });
    const peer = await openPeer(notes, mode, await notes.token());
    const answer = await peer.batch([ECHO, WRITE, DRAFT, ECHO, READ_DRAFT]);
    expect([answer.status, scopesAskedBy(answer)]).toEqual([403, ['notes:draft', 'notes:write']]);
    expect(notes.runs.calls).toEqual([]);
  });

  test.each(BATCH_MODES)('runs whole once all scopes are there ($mode)', async (mode) => {
    const notes = await startNotes({ sdk, mode, authorization: NOTES_RULES });
    const peer = await openPeer(notes, mode, await notes.token({ scopes: ['notes:draft', 'notes:write'] }));
    const answer = await peer.batch([ECHO, WRITE, DRAFT, READ_DRAFT]);
    const told = messagesIn(answer);
    expect(told.map((message) => String(message['id'])).toSorted()).toEqual(['1', '2', '3', '4']);
    expect(told.every((message) => message['error'] === undefined)).toBe(true);
  });

  test('is all that the newest era has no more of', async () => {
    const notes = await startNotes({ sdk, authorization: NOTES_RULES });
    const token = await notes.token({ scopes: ['notes:write'] });
    const messages = [ECHO, WRITE].map((call, id) => messageOf({ era: MODERN.era, id, ...call }));
    const headers = headersOf({ era: MODERN.era, token, ...ECHO });
    const answer = await raw(notes.url, { method: 'POST', headers, body: JSON.stringify(messages) });
    expect(answer.status).toBe(400);
    expect(notes.runs.calls).toEqual([]);
  });
});

describe.each(MODES)('[resource-server/7] a wider scope ($mode)', (mode) => {
  const authorization = {
    ...NOTES_RULES,
    hierarchy: { 'notes:admin': ['notes:edit'], 'notes:edit': ['notes:write'] },
    roles: { editor: { scopes: ['notes:write'] } },
  };

  test.each([
    ['that includes the one needed, over two steps', { scopes: ['notes:admin'] }],
    ['that includes it directly', { scopes: ['notes:edit'] }],
    ['that covers it as a wildcard', { scopes: ['notes:*'] }],
    ['that a role brings', { roles: ['editor'] }],
  ])('%s is enough', async (_name, init) => {
    const notes = await startNotes({ mode, authorization });
    const peer = await openPeer(notes, mode, await notes.token(init));
    expect((await peer.send(WRITE)).status).toBe(200);
  });

  test.each([
    'notes',
    'notes:',
    'notes:wri',
    'notes:writer',
    'Notes:Write',
    'notes:write:all',
    'xnotes:write',
    '*',
    'other:*',
  ])('is not one that only looks like it: %s', async (scope) => {
    const notes = await startNotes({ mode, authorization });
    const peer = await openPeer(notes, mode, await notes.token({ scopes: [scope] }));
    const answer = await peer.send(WRITE);
    expect([answer.status, scopesAskedBy(answer)]).toEqual([403, ['notes:write']]);
    expect(notes.runs.calls).toEqual([]);
  });

  test('is not included by a narrower one', async () => {
    const tools = { 'notes/write': { scopes: ['notes:admin'] } };
    const notes = await startNotes({ mode, authorization: { ...authorization, tools } });
    const peer = await openPeer(notes, mode, await notes.token({ scopes: ['notes:edit', 'notes:write'] }));
    expect(scopesAskedBy(await peer.send(WRITE))).toEqual(['notes:admin']);
  });
});

describe.each(SDKS)('[resource-server/7] real clients at a server of SDK %s', (sdk) => {
  test.each(['auto', 'legacy'] as const)(
    'hear which scopes to ask for, and go on with them (%s)',
    async (era) => {
      const notes = await startNotes({ sdk, authorization: NOTES_RULES });
      const poor = await connectV2(notes.url, await notes.token(), era);
      const error = await poor.callTool({ name: 'write', arguments: {} }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(InsufficientScopeError);
      const { requiredScope = '' } = error as InsufficientScopeError;
      const rich = await connectV2(notes.url, await notes.token({ scopes: requiredScope.split(' ') }), era);
      await expect(rich.callTool({ name: 'write', arguments: {} })).resolves.toMatchObject({
        content: [{ text: 'write' }],
      });
      expect(notes.runs.calls.map(({ tool }) => tool)).toEqual(['write']);
    },
  );

  test.each(CLIENTS)('go on after a refusal: $client', async ({ connect }) => {
    const notes = await startNotes({ sdk, authorization: NOTES_RULES });
    const client = await connect(notes.url, await notes.token());
    await expect(client.callTool({ name: 'write', arguments: {} })).rejects.toThrow();
    await expect(client.callTool({ name: 'echo', arguments: { text: 'still here' } })).resolves.toMatchObject(
      {
        content: [{ text: 'still here' }],
      },
    );
    expect(notes.runs.calls.map(({ tool }) => tool)).toEqual(['echo']);
  });
});
