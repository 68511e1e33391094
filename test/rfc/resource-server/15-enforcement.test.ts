import { InMemoryTransport } from '@modelcontextprotocol/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AuthProvider } from '../../../src/authn/auth-provider.ts';
import { createPrincipal } from '../../../src/core/principal.ts';
import { createGate } from '../../../src/gate.ts';
import { scopesAskedBy } from '../../support/challenge.ts';
import { CLIENTS, connectV2 } from '../../support/clients.ts';
import { createRuns, NOTES_RULES, PROMPTS, SDKS, SHELVES, TOOLS } from '../../support/notes.ts';
import { startNotes } from '../../support/notes-gate.ts';
import { notesFactory } from '../../support/notes-server.ts';
import { notesFactoryV1 } from '../../support/notes-server-v1.ts';
import { BATCH_MODES, MODERN, MODES, openPeer, type PeerCall } from '../../support/peers.ts';
import { type Json, messageOf, messagesIn, raw } from '../../support/wire.ts';

const call = (name: string): PeerCall => ({
  method: 'tools/call',
  params: { name, arguments: argumentsOf(name) },
});
const read = (uri: string): PeerCall => ({ method: 'resources/read', params: { uri } });
const get = (name: string): PeerCall => ({
  method: 'prompts/get',
  params: { name, arguments: { who: 'x' } },
});

function argumentsOf(tool: string): Readonly<Record<string, string>> {
  return tool === 'echo' ? { text: 'x' } : tool === 'touch' ? { uri: 'notes://public/1' } : {};
}

describe.each(SDKS)('[resource-server/15] at a server of SDK %s', (sdk) => {
  describe.each(MODES)('($mode)', (mode) => {
    const start = () => startNotes({ sdk, mode, authorization: NOTES_RULES });

    test('everything listed may be called, now or with more scope; nothing else may', async () => {
      const notes = await start();
      const poor = await openPeer(notes, mode, await notes.token());
      const outcome = async (asked: PeerCall) => {
        const answer = await poor.send(asked);
        if (answer.status === 403) return scopesAskedBy(answer)?.join();
        return answer.json?.['error'] === undefined ? 'runs' : 'unknown';
      };
      const outcomes = async (calls: readonly (readonly [string, PeerCall])[]) => {
        const found: Record<string, string | undefined> = {};
        for (const [name, asked] of calls) found[name] = await outcome(asked);
        return found;
      };
      expect(await outcomes(TOOLS.map((name) => [name, call(name)]))).toEqual({
        echo: 'runs',
        grow: 'runs',
        purge: 'unknown',
        slow: 'runs',
        touch: 'runs',
        whoami: 'runs',
        write: 'notes:write',
      });
      expect(await outcomes(PROMPTS.map((name) => [name, get(name)]))).toEqual({
        confidential: 'unknown',
        draft: 'notes:draft',
        greet: 'runs',
      });
      expect(await outcomes(SHELVES.map((shelf) => [shelf, read(`notes://${shelf}/1`)]))).toEqual({
        draft: 'notes:draft',
        public: 'runs',
        secret: 'unknown',
      });
      const ran = notes.runs.calls.map(({ tool }) => tool).toSorted();
      expect(ran).toEqual([
        'echo',
        'grow',
        'prompt:greet',
        'resource:notes://public/1',
        'slow',
        'touch',
        'whoami',
      ]);
    });

    test('whoever may have it gets what is hidden from others', async () => {
      const notes = await start();
      const admin = await openPeer(notes, mode, await notes.token({ roles: ['admin'] }));
      for (const asked of [
        call('purge'),
        get('confidential'),
        read('notes://secret/1'),
        read('notes://secret/99'),
      ]) {
        expect((await admin.send(asked)).json?.['error']).toBeUndefined();
      }
      expect(notes.runs.calls).toHaveLength(4);
    });

    test.each([
      'NOTES://secret/1',
      'notes://secret/%31',
      'notes://%73ecret/1',
      'notes://secret//1',
      'notes://secret/1/',
      'notes://secret/1?x=1',
      'notes://secret/1#x',
      'notes://user@secret/1',
      'notes://secret./1',
      'notes://public/../secret/1',
      'notes://public/%2e%2e/secret/1',
      'notes://secret/./1',
    ])('no other spelling of a hidden resource opens it: %s', async (uri) => {
      const notes = await start();
      const peer = await openPeer(notes, mode, await notes.token());
      const { json } = await peer.send(read(uri));
      expect(json?.['error']).toMatchObject({ code: -32602 });
      expect(notes.runs.calls).toEqual([]);
    });

    test('what a header says of the name decides nothing', async () => {
      const notes = await start();
      const peer = await openPeer(notes, mode, await notes.token());
      const ask = (asked: PeerCall, header: string) => {
        const headers = peer.headers(asked).filter(([name]) => name !== 'mcp-name');
        const body = JSON.stringify(messageOf({ era: mode.era, ...asked }));
        return raw(notes.url, { method: 'POST', headers: [...headers, ['mcp-name', header]], body });
      };
      const hidden = [call('purge'), get('confidential'), read('notes://secret/1')];
      for (const asked of hidden) {
        for (const header of ['echo', 'greet', 'notes://public/1']) {
          expect((await ask(asked, header)).json).toHaveProperty('error');
        }
      }
      expect((await ask(call('write'), 'echo')).status).toBe(403);
      expect(notes.runs.calls).toEqual([]);
      // The other way round nothing is refused for the header's sake alone, unless the era has it checked.
      const { status } = await ask(call('echo'), 'purge');
      expect(status).toBe(mode === MODERN ? 400 : 200);
    });

    test('two names in one message are judged as the one that counts', async () => {
      const notes = await start();
      const peer = await openPeer(notes, mode, await notes.token());
      const text = JSON.stringify(messageOf({ era: mode.era, ...call('echo') }));
      const twice = text.replace('"name":"echo"', '"name":"echo","name":"purge"');
      const headers = peer.headers(call('purge'));
      expect((await raw(notes.url, { method: 'POST', headers, body: twice })).json).toHaveProperty('error');
      expect(notes.runs.calls).toEqual([]);
    });
  });

  test.each(BATCH_MODES)(
    'a batch runs what is allowed and answers the rest as unknown ($mode)',
    async (mode) => {
      const notes = await startNotes({ sdk, mode, authorization: NOTES_RULES });
      const peer = await openPeer(notes, mode, await notes.token());
      const answer = await peer.batch([
        call('purge'),
        call('echo'),
        read('notes://secret/1'),
        read('notes://public/1'),
        get('confidential'),
        get('greet'),
        call('no-such-tool'),
      ]);
      expect(answer.status).toBe(200);
      expect(outcomesOf(messagesIn(answer))).toEqual({
        1: 'Unknown tool: purge',
        2: 'ran',
        3: 'Unknown resource: notes://secret/1',
        4: 'ran',
        5: 'Unknown prompt: confidential',
        6: 'ran',
        7: 'Unknown tool: no-such-tool',
      });
      const ran = notes.runs.calls.map(({ tool }) => tool).toSorted();
      expect(ran).toEqual(['echo', 'prompt:greet', 'resource:notes://public/1']);
    },
  );

  test.each(BATCH_MODES)('a batch of nothing but hidden names builds no server ($mode)', async (mode) => {
    const notes = await startNotes({ sdk, mode, authorization: NOTES_RULES });
    const peer = await openPeer(notes, mode, await notes.token());
    const { length } = notes.runs.built;
    const answer = await peer.batch([call('purge'), get('confidential'), read('notes://secret/1')]);
    expect(messagesIn(answer)).toHaveLength(3);
    expect(notes.runs.built).toHaveLength(length);
    expect(notes.runs.calls).toEqual([]);
  });

  test.each(CLIENTS)(
    'a $client is refused like anybody else, and served like anybody else',
    async ({ connect }) => {
      const notes = await startNotes({ sdk, authorization: NOTES_RULES });
      const user = await connect(notes.url, await notes.token());
      await expect(user.callTool({ name: 'purge', arguments: {} })).rejects.toThrow('Unknown tool: purge');
      await expect(user.getPrompt({ name: 'confidential', arguments: { who: 'x' } })).rejects.toThrow(
        'Unknown prompt',
      );
      await expect(user.readResource({ uri: 'notes://secret/1' })).rejects.toThrow('Unknown resource');
      expect(notes.runs.calls).toEqual([]);
      const admin = await connect(notes.url, await notes.token({ roles: ['admin'] }));
      await admin.callTool({ name: 'purge', arguments: {} });
      await admin.getPrompt({ name: 'confidential', arguments: { who: 'x' } });
      await admin.readResource({ uri: 'notes://secret/1' });
      expect(notes.runs.calls).toHaveLength(3);
    },
  );
});

describe.each(SDKS)('[resource-server/15] over a connection without HTTP, at a server of SDK %s', (sdk) => {
  test.each(['auto', 'legacy'] as const)('lists and calls are the same (%s)', async (era) => {
    const runs = createRuns();
    const principal = createPrincipal({ issuer: 'urn:test', subject: 'alice' });
    const provider: AuthProvider = {
      authenticate: () => Promise.resolve({ authenticated: true, principal }),
      ambient: true,
    };
    const factory = sdk === 'v1' ? notesFactoryV1(runs) : notesFactory(runs);
    const gate = await createGate({
      auth: [provider],
      servers: { notes: { factory } },
      authorization: NOTES_RULES,
    });
    onTestFinished(() => gate.close());
    const [client, server] = InMemoryTransport.createLinkedPair();
    await gate.connect(server);
    const user = await connectV2(client, undefined, era);
    const { tools } = await user.listTools();
    expect(tools.map(({ name }) => name).toSorted()).toEqual(TOOLS.filter((name) => name !== 'purge'));
    const { prompts } = await user.listPrompts();
    expect(prompts.map(({ name }) => name).toSorted()).toEqual(
      PROMPTS.filter((name) => name !== 'confidential'),
    );
    for (const name of ['purge', 'nurge']) {
      await expect(user.callTool({ name, arguments: {} })).rejects.toThrow(`Unknown tool: ${name}`);
    }
    for (const name of ['confidential', 'konfidential']) {
      await expect(user.getPrompt({ name, arguments: { who: 'x' } })).rejects.toThrow(
        `Unknown prompt: ${name}`,
      );
    }
    for (const uri of ['notes://secret/1', 'notes://zecret/1']) {
      await expect(user.readResource({ uri })).rejects.toThrow(`Unknown resource: ${uri}`);
    }
    expect(runs.calls).toEqual([]);
    await user.callTool({ name: 'echo', arguments: { text: 'x' } });
    expect(runs.calls.map(({ tool }) => tool)).toEqual(['echo']);
  });
});

function outcomesOf(messages: readonly Json[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    messages.map((each) => [String(each['id']), String(each['error']?.['message'] ?? 'ran')]),
  );
}
