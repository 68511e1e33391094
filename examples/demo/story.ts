import assert from 'node:assert/strict';
import { Client, InsufficientScopeError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Demo } from './demo-gate.ts';

type Tell = (line: string) => void;

/** Plays real clients through the demo and fails at the first thing that is not as promised. */
export async function playStory(demo: Demo, tell: Tell): Promise<void> {
  await nobody(demo, tell);
  const alice = await connect(demo.urls.notes, await demo.token('alice'));
  const bob = await connect(demo.urls.notes, await demo.token('bob'));
  try {
    await ownData({ alice, bob }, tell);
    await hiddenTool(bob, tell);
    await stepUp(demo, alice, tell);
    await liveProgress(demo, tell);
    recorded(demo, tell);
  } finally {
    await alice.close();
    await bob.close();
  }
}

async function nobody({ urls }: Demo, tell: Tell): Promise<void> {
  const response = await fetch(urls.notes, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  });
  assert.equal(response.status, 401);
  tell(`without a token: ${response.status}, ${response.headers.get('www-authenticate')}`);
}

async function ownData({ alice, bob }: Record<'alice' | 'bob', Client>, tell: Tell): Promise<void> {
  await alice.callTool({ name: 'add_note', arguments: { text: 'water the plants' } });
  await bob.callTool({ name: 'add_note', arguments: { text: 'call the bank' } });
  const hers = await listNotes(alice);
  const his = await listNotes(bob);
  assert.deepEqual([hers.map(textOf), his.map(textOf)], [['water the plants'], ['call the bank']]);
  tell(`alice sees ${JSON.stringify(hers)}, bob sees ${JSON.stringify(his)}`);
}

async function hiddenTool(bob: Client, tell: Tell): Promise<void> {
  const names = (await bob.listTools()).tools.map((tool) => tool.name);
  assert.deepEqual(names, ['list_notes', 'add_note', 'delete_note']);
  const hidden = await messageOf(bob.callTool({ name: 'purge_all' }));
  const unknown = await messageOf(bob.callTool({ name: 'made_up' }));
  assert.equal(hidden.replace('purge_all', 'made_up'), unknown);
  tell(`bob does not see purge_all, and calling it says: ${hidden}`);
}

async function stepUp(demo: Demo, alice: Client, tell: Tell): Promise<void> {
  const [note] = await listNotes(alice);
  assert(note !== undefined);
  const call = { name: 'delete_note', arguments: { id: note.id } };
  const refused = await alice.callTool(call).catch((error: unknown) => error);
  assert(refused instanceof InsufficientScopeError && refused.requiredScope !== undefined);
  assert.equal(refused.requiredScope, 'notes:write');
  tell(`alice may not delete with notes:read: 403, the challenge asks for ${refused.requiredScope}`);

  const scopes = ['notes:read', ...refused.requiredScope.split(' ')];
  const stronger = await connect(demo.urls.notes, await demo.token('alice', scopes));
  try {
    const result = await stronger.callTool(call);
    assert.deepEqual(result.content, [{ type: 'text', text: 'deleted' }]);
    assert.deepEqual(await listNotes(stronger), []);
    tell('with the scope that the challenge named: deleted');
  } finally {
    await stronger.close();
  }
}

async function liveProgress(demo: Demo, tell: Tell): Promise<void> {
  const alice = await connect(demo.urls.reports, await demo.token('alice'));
  const startedAt = Date.now();
  const arrivals: number[] = [];
  try {
    await alice.callTool(
      { name: 'build_report' },
      {
        onprogress: ({ progress, total, message }) => {
          arrivals.push(Date.now() - startedAt);
          tell(`  ${arrivals.at(-1)} ms: ${progress}/${total} ${message}`);
        },
      },
    );
  } finally {
    await alice.close();
  }
  assert.equal(arrivals.length, 5);
  const [first = 0, last = 0] = [arrivals[0], arrivals.at(-1)];
  assert(last - first > 200, 'progress must arrive while the call runs, not all at its end');
  tell('live progress through a wrapped SDK v1 server');
}

function recorded({ events }: Demo, tell: Tell): void {
  const denied = events.filter((event) => event.outcome === 'deny');
  assert(denied.some((event) => event.code === 'INSUFFICIENT_SCOPE' && event.subject === 'alice'));
  assert(denied.some((event) => event.target === 'purge_all' && event.subject === 'bob'));
  assert(!JSON.stringify(events).includes('upstream-'), 'no token may be in the audit log');
  tell(`audit: ${events.length} events, ${denied.length} of them refusals`);
}

async function connect(url: string, token: string): Promise<Client> {
  const client = new Client({ name: 'demo', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(url), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    }),
  );
  return client;
}

interface Note {
  readonly id: number;
  readonly text: string;
}

const textOf = (note: Note) => note.text;

async function listNotes(client: Client): Promise<readonly Note[]> {
  const { content } = await client.callTool({ name: 'list_notes' });
  const [first] = content;
  return first?.type === 'text' ? (JSON.parse(first.text) as Note[]) : [];
}

async function messageOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => assert.fail('the call should have been refused'),
    (reason: unknown) => reason,
  );
  return error instanceof Error ? error.message : String(error);
}
