import { McpServer, ResourceTemplate, Server } from '@modelcontextprotocol/server';
import { describe, expect, test } from 'vitest';
import type { Authorizer } from '../../../src/authz/authorizer.ts';
import { ALLOW, deny, type Remedy } from '../../../src/core/decision.ts';
import { CLIENTS } from '../../support/clients.ts';
import { NOTES_RULES, PROMPTS, SDKS, SHELVES, TOOLS } from '../../support/notes.ts';
import { startNotes } from '../../support/notes-gate.ts';
import { BATCH_MODES, MODERN, MODES, openPeer, type Peer, STATELESS } from '../../support/peers.ts';
import { messagesIn, namesIn } from '../../support/wire.ts';

const URIS = SHELVES.map((shelf) => `notes://${shelf}/1`);
const TEMPLATES = SHELVES.map((shelf) => `notes://${shelf}/{id}`);
const ALL = { tools: TOOLS, prompts: PROMPTS, resources: URIS, resourceTemplates: TEMPLATES };
/** What is left by {@link NOTES_RULES} for someone without the role; missing scopes hide nothing. */
const WITHOUT_ROLE = {
  tools: TOOLS.filter((name) => name !== 'purge'),
  prompts: PROMPTS.filter((name) => name !== 'confidential'),
  resources: URIS.filter((uri) => uri !== 'notes://secret/1'),
  resourceTemplates: TEMPLATES.filter((uri) => uri !== 'notes://secret/{id}'),
};

const LISTS = {
  tools: 'tools/list',
  prompts: 'prompts/list',
  resources: 'resources/list',
  resourceTemplates: 'resources/templates/list',
} as const;

async function listsOf(peer: Peer): Promise<Record<string, readonly string[]>> {
  const lists: Record<string, readonly string[]> = {};
  for (const [list, method] of Object.entries(LISTS))
    lists[list] = namesIn(await peer.send({ method }), list);
  return lists;
}

describe.each(SDKS)('[resource-server/15] lists of a server of SDK %s', (sdk) => {
  describe.each(MODES)('($mode)', (mode) => {
    test('hold what is allowed or may become so, for each caller by their own rights', async () => {
      for (const instances of ['fresh', 'pooled'] as const) {
        const server = { instances: { mode: instances } };
        const notes = await startNotes({ sdk, mode, server, authorization: NOTES_RULES });
        const admin = await openPeer(notes, mode, await notes.token({ subject: 'root', roles: ['admin'] }));
        const user = await openPeer(notes, mode, await notes.token());
        // One after the other and back again: nobody is served what was listed for somebody else.
        for (const round of ['first', 'second']) {
          expect([round, await listsOf(admin)]).toEqual([round, ALL]);
          expect([round, await listsOf(user)]).toEqual([round, WITHOUT_ROLE]);
        }
      }
    });

    test.each([
      ['a scope', { kind: 'scopes', scopes: ['more'] }],
      ['an account', { kind: 'link', resourceType: 'notes' }],
      ['a stronger login', { kind: 'stepUp', acr: 'high' }],
      ['an approval', { kind: 'approval', approvalId: '7' }],
    ] satisfies [string, Remedy][])('hold what %s would open, and that alone', async (_name, remedy) => {
      const remedies: Readonly<Record<string, Remedy>> = {
        write: remedy,
        draft: remedy,
        'notes://draft/1': remedy,
        'notes://draft/{id}': remedy,
      };
      const authorization: Authorizer = {
        decide: ({ target }) => (target.kind === 'server' ? ALLOW : deny('policy', remedies[target.name])),
      };
      const notes = await startNotes({ sdk, mode, authorization });
      expect(await listsOf(await openPeer(notes, mode, await notes.token()))).toEqual({
        tools: ['write'],
        prompts: ['draft'],
        resources: ['notes://draft/1'],
        resourceTemplates: ['notes://draft/{id}'],
      });
    });

    test('hold what some arguments are allowed for; a call is judged by its own', async () => {
      const authorization: Authorizer = {
        decide: ({ action, arguments: given }) =>
          action === 'tools/call' && JSON.stringify(given ?? {}).includes('forbidden')
            ? deny('policy')
            : ALLOW,
      };
      const notes = await startNotes({ sdk, mode, authorization });
      const peer = await openPeer(notes, mode, await notes.token());
      expect(namesIn(await peer.send({ method: 'tools/list' }), 'tools')).toContain('echo');
      const echo = (text: string) =>
        peer.send({ method: 'tools/call', params: { name: 'echo', arguments: { text } } });
      expect((await echo('fine')).json?.['error']).toBeUndefined();
      expect((await echo('forbidden')).json?.['error']?.['code']).toBe(-32602);
      expect(notes.runs.calls).toHaveLength(1);
    });

    test('say nothing of what was left out', async () => {
      const notes = await startNotes({ sdk, mode, authorization: NOTES_RULES });
      const peer = await openPeer(notes, mode, await notes.token());
      for (const method of Object.values(LISTS)) {
        expect((await peer.send({ method })).text).not.toMatch(/purge|confidential|secret/);
      }
    });
  });

  test.each(BATCH_MODES)('are cut in a batch too ($mode)', async (mode) => {
    const notes = await startNotes({ sdk, mode, authorization: NOTES_RULES });
    const peer = await openPeer(notes, mode, await notes.token());
    const answer = await peer.batch(Object.values(LISTS).map((method) => ({ method })));
    expect(messagesIn(answer)).toHaveLength(4);
    expect(answer.text).not.toMatch(/purge|confidential|secret/);
  });

  test.each(CLIENTS)('are what a $client sees', async ({ connect }) => {
    const notes = await startNotes({ sdk, authorization: NOTES_RULES });
    const client = await connect(notes.url, await notes.token());
    const { tools } = await client.listTools();
    const { prompts } = await client.listPrompts();
    const { resources } = await client.listResources();
    const { resourceTemplates } = await client.listResourceTemplates();
    expect({
      tools: tools.map(({ name }) => name).toSorted(),
      prompts: prompts.map(({ name }) => name).toSorted(),
      resources: resources.map(({ uri }) => uri).toSorted(),
      resourceTemplates: resourceTemplates.map(({ uriTemplate }) => uriTemplate).toSorted(),
    }).toEqual(WITHOUT_ROLE);
  });
});

describe('[resource-server/15] what is listed is private', () => {
  const CACHEABLE = [...Object.values(LISTS), 'resources/read', 'server/discover'];
  const open = { ttlMs: 60_000, cacheScope: 'public' } as const;

  /** A server that would let its lists be shared by everybody. */
  const careless = (): McpServer => {
    const hints = [
      'tools/list',
      'prompts/list',
      'resources/list',
      'resources/templates/list',
      'server/discover',
    ];
    const cacheHints = Object.fromEntries(hints.map((method) => [method, open]));
    const server = new McpServer({ name: 'careless', version: '1' }, { cacheHints });
    const read = (uri: URL) => ({ contents: [{ uri: uri.href, text: 'note' }] });
    server.registerTool('echo', {}, () => ({ content: [] }));
    server.registerPrompt('greet', {}, () => ({ messages: [] }));
    server.registerResource('public', 'notes://public/1', { cacheHint: open }, read);
    server.registerResource(
      'all',
      new ResourceTemplate('notes://public/{id}', { list: undefined }),
      {},
      read,
    );
    return server;
  };

  test.each([
    ['a server of SDK v2', { sdk: 'v2' as const }],
    ['a server of SDK v1', { sdk: 'v1' as const }],
    ['a server that says otherwise', { server: { factory: careless } }],
  ])('in the newest era: %s', async (_name, options) => {
    const notes = await startNotes(options);
    const peer = await openPeer(notes, MODERN, await notes.token());
    for (const method of CACHEABLE) {
      const { json } = await peer.send({
        method,
        params: method === 'resources/read' ? { uri: 'notes://public/1' } : {},
      });
      expect([method, json?.['result']?.['cacheScope']]).toEqual([method, 'private']);
    }
  });

  test('and says nothing of caches in the older era, which knows none', async () => {
    const notes = await startNotes({ server: { factory: careless } });
    const peer = await openPeer(notes, STATELESS, await notes.token());
    const { json } = await peer.send({ method: 'tools/list' });
    expect(json?.['result']).not.toHaveProperty('cacheScope');
  });
});

describe.each(MODES)('[resource-server/15] a list in pages ($mode)', (mode) => {
  const PAGES = [['one', 'hidden-1'], ['hidden-2'], ['two', 'three', 'hidden-3']];

  const paged = (): Server => {
    const server = new Server({ name: 'paged', version: '1' }, { capabilities: { tools: {}, prompts: {} } });
    server.setRequestHandler('prompts/list', ({ params }) => {
      const page = Number(params?.cursor ?? 0);
      const prompts = (PAGES[page] ?? []).map((name) => ({ name }));
      return page + 1 < PAGES.length ? { prompts, nextCursor: String(page + 1) } : { prompts };
    });
    server.setRequestHandler('prompts/get', () => ({ messages: [] }));
    server.setRequestHandler('tools/list', ({ params }) => {
      const page = Number(params?.cursor ?? 0);
      const tools = (PAGES[page] ?? []).map((name) => ({ name, inputSchema: { type: 'object' as const } }));
      return page + 1 < PAGES.length ? { tools, nextCursor: String(page + 1) } : { tools };
    });
    server.setRequestHandler('tools/call', ({ params }) => ({
      content: [{ type: 'text', text: params.name }],
    }));
    return server;
  };

  test.each([
    ['tools', 'tools/call'],
    ['prompts', 'prompts/get'],
  ])('is cut on every page, and the last of its %s may be had', async (list, method) => {
    const rules = { 'notes/hidden-*': { roles: ['admin'] } };
    const authorization = { tools: rules, prompts: rules };
    const notes = await startNotes({ mode, server: { factory: paged }, authorization });
    const peer = await openPeer(notes, mode, await notes.token());
    const seen: (readonly string[])[] = [];
    let cursor: unknown = '0';
    while (cursor !== undefined) {
      const answer = await peer.send({ method: `${list}/list`, params: { cursor } });
      seen.push(namesIn(answer, list));
      cursor = answer.json?.['result']?.['nextCursor'];
    }
    expect(seen).toEqual([['one'], [], ['three', 'two']]);
    const call = async (name: string) => {
      const { json } = await peer.send({ method, params: { name, arguments: {} } });
      return json?.['error']?.['code'] ?? 'ran';
    };
    expect(await call('three')).toBe('ran');
    expect(await call('hidden-3')).toBe(-32602);
  });
});

describe.each(MODES)('[resource-server/15] a server that grows ($mode)', (mode) => {
  test('is served as it lists itself, also when it does not say that it has changed', async () => {
    const names = ['first'];
    const growing = (): McpServer => {
      const server = new McpServer({ name: 'growing', version: '1' });
      for (const name of names) {
        server.registerTool(name, {}, () => ({ content: [{ type: 'text', text: name }] }));
        server.registerPrompt(name, {}, () => ({ messages: [] }));
      }
      return server;
    };
    const notes = await startNotes({ mode, server: { factory: growing } });
    const token = await notes.token();
    const ask = async (method: string, name: string) => {
      const peer = await openPeer(notes, mode, token);
      return (await peer.send({ method, params: { name, arguments: {} } })).json?.['error']?.['message'];
    };
    expect(await ask('tools/call', 'first')).toBeUndefined();
    expect(await ask('prompts/get', 'first')).toBeUndefined();
    expect(await ask('tools/call', 'second')).toBe('Unknown tool: second');
    expect(await ask('prompts/get', 'second')).toBe('Unknown prompt: second');
    names.push('second');
    expect(await ask('tools/call', 'second')).toBeUndefined();
    expect(await ask('prompts/get', 'second')).toBeUndefined();
  });
});
