import { describe, expect, test } from 'vitest';
import { TokenResolutionError } from '../../../src/core/errors.ts';
import { NOTES_RULES, SDKS } from '../../support/notes.ts';
import { type NotesOptions, startNotes } from '../../support/notes-gate.ts';
import {
  BATCH_MODES,
  MODERN,
  MODES,
  openPeer,
  type Peer,
  type PeerCall,
  STATELESS,
} from '../../support/peers.ts';
import { headersOf, messageOf, type RawResponse, raw } from '../../support/wire.ts';

/** Two names of the same length: one that is hidden, and one that does not exist. */
interface Pair {
  readonly hidden: string;
  readonly unknown: string;
  readonly call: (name: string) => PeerCall;
}

const complete = (ref: object, name: string): PeerCall => ({
  method: 'completion/complete',
  params: { ref, argument: { name, value: '' } },
});

const RESOURCE: Pair = {
  hidden: 'notes://secret/1',
  unknown: 'notes://zecret/1',
  call: (uri) => ({ method: 'resources/read', params: { uri } }),
};

/** As if a call to it had waited for its client. */
const RETURNED: Pair = {
  ...RESOURCE,
  call: (uri) => ({ method: 'resources/read', params: { uri, requestState: 'x', inputResponses: {} } }),
};

const PAIRS: Readonly<Record<string, Pair>> = {
  'a tool': {
    hidden: 'purge',
    unknown: 'nurge',
    call: (name) => ({ method: 'tools/call', params: { name, arguments: {} } }),
  },
  'a tool with arguments and progress': {
    hidden: 'purge',
    unknown: 'nurge',
    call: (name) => ({
      method: 'tools/call',
      id: 'a-text',
      params: { name, arguments: { text: 'x' }, _meta: { progressToken: 7 } },
    }),
  },
  'a prompt': {
    hidden: 'confidential',
    unknown: 'konfidential',
    call: (name) => ({ method: 'prompts/get', params: { name, arguments: { who: 'x' } } }),
  },
  'a prompt without its arguments': {
    hidden: 'confidential',
    unknown: 'konfidential',
    call: (name) => ({ method: 'prompts/get', params: { name } }),
  },
  'a resource': RESOURCE,
  'a resource of a template': {
    hidden: 'notes://secret/99',
    unknown: 'notes://zecret/99',
    call: (uri) => ({ method: 'resources/read', params: { uri } }),
  },
  'a completion of a prompt': {
    hidden: 'confidential',
    unknown: 'konfidential',
    call: (name) => complete({ type: 'ref/prompt', name }, 'who'),
  },
  'a completion of a template': {
    hidden: 'notes://secret/{id}',
    unknown: 'notes://zecret/{id}',
    call: (uri) => complete({ type: 'ref/resource', uri }, 'id'),
  },
};

/** An answer without its id, its time and the name that was asked for: the rest must be the same to the byte. */
function essence({ status, headers, text }: RawResponse, name: string): unknown {
  const { date: _date, 'x-request-id': _id, ...rest } = headers;
  return [status, rest, text.replaceAll(name, '…')];
}

async function expectAlike(peer: Peer, { hidden, unknown, call }: Pair): Promise<RawResponse> {
  const first = await peer.send(call(unknown));
  const other = await peer.send(call(hidden));
  const again = await peer.send(call(unknown));
  expect(essence(other, hidden)).toEqual(essence(first, unknown));
  expect(essence(again, unknown)).toEqual(essence(first, unknown));
  return other;
}

describe.each(SDKS)('[resource-server/15] hidden is unknown at a server of SDK %s', (sdk) => {
  describe.each(MODES)('($mode)', (mode) => {
    const open = async (options: NotesOptions = {}, token = {}) => {
      const notes = await startNotes({ sdk, mode, authorization: NOTES_RULES, ...options });
      return { notes, peer: await openPeer(notes, mode, await notes.token(token)) };
    };

    test.each(Object.entries(PAIRS))('%s', async (_name, pair) => {
      const { notes, peer } = await open();
      const answer = await expectAlike(peer, pair);
      expect(answer.json?.['error']).toEqual({
        code: -32602,
        message: expect.stringMatching(/^Unknown \w+: /) as string,
        ...(pair.call('').method === 'resources/read' && { data: { uri: pair.hidden } }),
      });
      expect(notes.runs.calls).toEqual([]);
      const admin = await openPeer(notes, mode, await notes.token({ roles: ['admin'] }));
      expect((await admin.send(pair.call(pair.hidden))).json?.['error']).not.toEqual(answer.json?.['error']);
    });

    test.each(Object.entries(PAIRS))('%s, at a pooled server', async (_name, pair) => {
      const { peer } = await open({ server: { instances: { mode: 'pooled' } } });
      await expectAlike(peer, pair);
    });

    test.each(['fresh', 'pooled'] as const)('a resource that is returned to, %s', async (instances) => {
      const { peer } = await open({ server: { instances: { mode: instances } } });
      await expectAlike(peer, RETURNED);
    });

    test.each(Object.entries(PAIRS))('%s, where no account is linked', async (_name, pair) => {
      const credentials = { notes: { resolveToken: () => Promise.resolve(null) } };
      const { notes, peer } = await open({ tenancy: { credentials } });
      await expectAlike(peer, pair);
      expect(notes.runs.calls).toEqual([]);
    });

    test.each(Object.entries(PAIRS))('%s, for a caller who lacks every scope', async (_name, pair) => {
      const endpoint = { scopes: ['mcp:use'] };
      const notes = await startNotes({ sdk, mode, authorization: { ...NOTES_RULES, endpoint } });
      const token = await notes.token();
      const ask = async (name: string) => {
        const call = { era: mode.era, token, ...pair.call(name) };
        return raw(notes.url, {
          method: 'POST',
          headers: headersOf(call),
          body: JSON.stringify(messageOf(call)),
        });
      };
      const hidden = await ask(pair.hidden);
      expect(hidden.status).toBe(403);
      expect(essence(hidden, pair.hidden)).toEqual(essence(await ask(pair.unknown), pair.unknown));
    });

    test.each([
      ['without an Accept header', 'accept', undefined],
      ['with an Accept header that fits nothing', 'accept', 'text/html'],
      ['for an unknown protocol version', 'mcp-protocol-version', '1999-01-01'],
      ['with a name in the header that is not the one in the body', 'mcp-name', 'echo'],
      ['with a method in the header that is not the one in the body', 'mcp-method', 'tools/list'],
    ])('%s', async (_name, header, value) => {
      const { notes, peer } = await open();
      for (const { hidden, unknown, call } of Object.values(PAIRS)) {
        const ask = (name: string) => {
          const kept = peer.headers(call(name)).filter(([own]) => own !== header);
          const headers = value === undefined ? kept : [...kept, [header, value] as const];
          const body = JSON.stringify(messageOf({ era: mode.era, ...call(name) }));
          return raw(notes.url, { method: 'POST', headers, body });
        };
        expect(essence(await ask(hidden), hidden)).toEqual(essence(await ask(unknown), unknown));
      }
      expect(notes.runs.calls).toEqual([]);
    });

    test.each(['resources/subscribe', 'resources/unsubscribe'])('a resource, for %s', async (method) => {
      const { peer } = await open();
      const call = (uri: string) => ({ method, params: { uri } });
      await expectAlike(peer, { hidden: 'notes://secret/1', unknown: 'notes://zecret/1', call });
    });

    test('also to someone who has every other role and scope', async () => {
      const { peer } = await open({}, { roles: ['editor', 'Admin', 'admin '], scopes: ['admin', 'notes:*'] });
      for (const pair of Object.values(PAIRS)) await expectAlike(peer, pair);
    });
  });

  // A session opens only where its server can be built.
  test.each([STATELESS, MODERN])('a resource, while upstream tokens cannot be had ($mode)', async (mode) => {
    const outage = () => Promise.reject(new TokenResolutionError('The vault is down', { outage: true }));
    const tenancy = { credentials: { notes: { resolveToken: outage } } };
    const notes = await startNotes({ sdk, mode, authorization: NOTES_RULES, tenancy });
    const peer = await openPeer(notes, mode, await notes.token());
    const answer = await expectAlike(peer, RESOURCE);
    expect(answer.status).toBe(503);
  });

  test.each(BATCH_MODES)('in a batch, in whichever place ($mode)', async (mode) => {
    const notes = await startNotes({ sdk, mode, authorization: NOTES_RULES });
    const peer = await openPeer(notes, mode, await notes.token());
    const echo: PeerCall = { method: 'tools/call', params: { name: 'echo', arguments: { text: 'x' } } };
    for (const { hidden, unknown, call } of Object.values(PAIRS)) {
      const { id: _id, ...asked } = call(hidden);
      const { id: _other, ...made } = call(unknown);
      for (const around of [
        (own: PeerCall) => [own],
        (own: PeerCall) => [echo, own],
        (own: PeerCall) => [own, own, echo],
      ]) {
        const first = await peer.batch(around(asked));
        const second = await peer.batch(around(made));
        expect(linesOf(first, hidden)).toEqual(linesOf(second, unknown));
      }
    }
  });
});

/** The messages of a batch come in the order in which they are ready. */
function linesOf(answer: RawResponse, name: string): unknown {
  const { date: _date, 'x-request-id': _id, ...rest } = answer.headers;
  return [answer.status, rest, answer.text.replaceAll(name, '…').split('\n').toSorted()];
}
