import { describe, expect, test } from 'vitest';
import type { Authorizer } from '../../../src/authz/authorizer.ts';
import { ALLOW } from '../../../src/core/decision.ts';
import { TokenResolutionError } from '../../../src/core/errors.ts';
import { PROMPTS, SDKS, SHELVES, TOOLS } from '../../support/notes.ts';
import { type NotesGate, type NotesOptions, startNotes } from '../../support/notes-gate.ts';
import { MODES, type Mode, openPeer, type PeerCall, STATEFUL } from '../../support/peers.ts';
import { type HeaderPairs, INITIALIZE, type RawResponse, rpc } from '../../support/wire.ts';

/** Everything that a gate could ask or start, each with its count. */
interface Watched {
  readonly notes: NotesGate;
  readonly asked: { resolver: number; authorizer: number };
}

async function startWatched(options: NotesOptions): Promise<Watched> {
  const asked = { resolver: 0, authorizer: 0 };
  const authorization: Authorizer = {
    decide: () => {
      asked.authorizer += 1;
      return ALLOW;
    },
  };
  const resolveToken = () => {
    asked.resolver += 1;
    return Promise.resolve('upstream');
  };
  const tenancy = { credentials: { notes: { resolveToken } } };
  return { notes: await startNotes({ authorization, tenancy, ...options }), asked };
}

const CALLS: readonly PeerCall[] = [
  { method: 'initialize', params: INITIALIZE },
  { method: 'server/discover' },
  { method: 'tools/list' },
  ...[...TOOLS, 'no-such-tool', ''].map(toolCall),
  ...[...PROMPTS, 'no-such-prompt'].map(promptCall),
  ...[...SHELVES, 'nowhere'].map((shelf) => ({
    method: 'resources/read',
    params: { uri: `notes://${shelf}/1` },
  })),
  {
    method: 'subscriptions/listen',
    params: { notifications: { resourceSubscriptions: ['notes://secret/1'] } },
  },
  { method: 'no/such/method' },
];

function toolCall(name: string): PeerCall {
  return { method: 'tools/call', params: { name, arguments: {} } };
}

function promptCall(name: string): PeerCall {
  return { method: 'prompts/get', params: { name } };
}

/** An answer without what is new in each: its id and its time. */
function essence({ status, headers, text }: RawResponse): string {
  const { date: _date, 'x-request-id': _id, ...rest } = headers;
  return JSON.stringify([status, rest, text]);
}

type Credential = (notes: NotesGate) => Promise<HeaderPairs>;

const bearer = (token: string): HeaderPairs => [['authorization', `Bearer ${token}`]];

const UNKNOWN_CALLERS: Readonly<Record<string, Credential>> = {
  nobody: () => Promise.resolve([]),
  'a bad token': () => Promise.resolve(bearer('bad')),
  'an expired token': async ({ token }) => bearer(await token({ expiresInSeconds: -60 })),
  'a token for somebody else': async ({ token }) =>
    bearer(await token({ audience: 'https://other.example' })),
  'a revoked token': async ({ token, gate }) => {
    const revoked = await token();
    gate.revoke({ token: revoked });
    return bearer(revoked);
  },
  'two tokens': async ({ token }) => [...bearer(await token()), ...bearer(await token())],
};

describe.each(SDKS)('[resource-server/11] before validation, at a server of SDK %s', (sdk) => {
  describe.each(MODES)('($mode)', (mode) => {
    test.each(Object.entries(UNKNOWN_CALLERS))(
      'nothing runs and nothing is told to %s',
      async (_name, credential) => {
        for (const instances of ['fresh', 'pooled'] as const) {
          const { notes, asked } = await startWatched({
            sdk,
            mode,
            server: { instances: { mode: instances } },
          });
          const headers = await credential(notes);
          const answers = new Set<string>();
          for (const call of CALLS) {
            const answer = await rpc(notes.url, { era: mode.era, ...call, headers });
            expect([400, 401]).toContain(answer.status);
            expect(answer.headers).not.toHaveProperty('mcp-session-id');
            answers.add(essence(answer));
          }
          expect([...answers]).toHaveLength(1);
          expect([...answers].join()).not.toMatch(/whoami|confidential|secret|1\.0\.0/);
          expect(asked).toEqual({ resolver: 0, authorizer: 0 });
          expect(notes.runs).toEqual({ built: [], calls: [], seen: [] });
        }
      },
    );
  });
});

describe.each(SDKS)('[resource-server/11] a refusal at a server of SDK %s', (sdk) => {
  describe.each(MODES)('($mode)', (mode) => {
    test('for want of the endpoint’s scopes is the same for every name there is and is not', async () => {
      const authorization = {
        endpoint: { scopes: ['mcp:use'] },
        tools: { 'notes/purge': { roles: ['admin'] } },
      };
      const hidden = {
        prompts: { 'notes/confidential': { roles: ['admin'] } },
        resources: { 'notes/notes://secret/*': { roles: ['admin'] } },
      };
      const notes = await startNotes({ sdk, mode, authorization: { ...authorization, ...hidden } });
      const token = await notes.token();
      const answers = new Set<string>();
      for (const call of CALLS) {
        const answer = await rpc(notes.url, { era: mode.era, token, ...call });
        expect([call, answer.status]).toEqual([call, 403]);
        answers.add(essence(answer));
      }
      expect([...answers]).toHaveLength(1);
      expect(notes.runs).toEqual({ built: [], calls: [], seen: [] });
    });

    test('for calling too often reaches no server', async () => {
      const limits = { calls: [{ per: 'principal', rate: '1/day' }] } as const;
      const notes = await startNotes({ sdk, mode: stateless(mode), limits });
      const token = await notes.token();
      const ask = { era: mode.era, token, method: 'tools/call', params: { name: 'whoami', arguments: {} } };
      expect((await rpc(notes.url, ask)).status).toBe(200);
      const { length } = notes.runs.built;
      for (const name of ['whoami', 'no-such-tool']) {
        const answer = await rpc(notes.url, { ...ask, params: { name, arguments: {} } });
        expect([answer.status, answer.headers['retry-after']]).toEqual([429, expect.stringMatching(/^\d+$/)]);
      }
      expect(notes.runs.calls).toHaveLength(1);
      expect(notes.runs.built).toHaveLength(length);
    });

    test('for a tenant of others reaches no server', async () => {
      const tenancy = { from: 'header', toUserId: 'subject' } as const;
      const notes = await startNotes({ sdk, mode, tenancy });
      const token = await notes.token({ claims: { tenants: ['acme'] } });
      for (const call of CALLS) {
        const headers = [['x-tenant-id', 'globex']] as const;
        expect((await rpc(notes.url, { era: mode.era, token, ...call, headers })).status).toBe(403);
      }
      expect(notes.runs).toEqual({ built: [], calls: [], seen: [] });
    });

    test('for want of an upstream token reaches no handler', async () => {
      const outage = () => Promise.reject(new TokenResolutionError('The vault is down', { outage: true }));
      const credentials = { notes: { resolveToken: outage } };
      const notes = await startNotes({ sdk, mode: stateless(mode), tenancy: { credentials } });
      const token = await notes.token();
      for (const call of CALLS.filter(({ params }) => params !== undefined && 'arguments' in params)) {
        expect((await rpc(notes.url, { era: mode.era, token, ...call })).status).toBe(503);
      }
      expect(notes.runs).toEqual({ built: [], calls: [], seen: [] });
    });

    test('by an authorizer that fails reaches no server', async () => {
      const authorization: Authorizer = { decide: () => Promise.reject(new Error('broken: notes:secret')) };
      const notes = await startNotes({ sdk, mode, authorization });
      const token = await notes.token();
      for (const call of CALLS) {
        const answer = await rpc(notes.url, { era: mode.era, token, ...call });
        expect([call, answer.status]).toEqual([call, 500]);
        expect(answer.text).not.toContain('broken');
      }
      expect(notes.runs).toEqual({ built: [], calls: [], seen: [] });
    });

    test('of a name that is hidden builds nothing and asks no vault', async () => {
      const authorization = {
        tools: { 'notes/*': { roles: ['admin'] } },
        prompts: { 'notes/*': { roles: ['admin'] } },
      };
      const { notes, asked } = await startWatched({ sdk, mode, authorization });
      const peer = await openPeer(notes, mode, await notes.token());
      const before = { built: notes.runs.built.length, resolved: asked.resolver };
      for (const call of [...TOOLS.map(toolCall), ...PROMPTS.map(promptCall)]) {
        expect((await peer.send(call)).json?.['error']?.['code']).toBe(-32602);
      }
      expect({ built: notes.runs.built.length, resolved: asked.resolver }).toEqual(before);
      expect(notes.runs.calls).toEqual([]);
    });
  });

  test('opens no session', async () => {
    const authorization = { endpoint: { scopes: ['mcp:use'] } };
    const { url, token, runs } = await startNotes({ sdk, mode: STATEFUL, authorization });
    const call = { era: STATEFUL.era, token: await token(), method: 'initialize', params: INITIALIZE };
    const answer = await rpc(url, call);
    expect([answer.status, answer.headers['mcp-session-id']]).toEqual([403, undefined]);
    expect(runs.built).toEqual([]);
  });
});

/** The same era without sessions: a session costs a call of its own. */
function stateless(mode: Mode): Mode {
  return { ...mode, sessions: { mode: 'stateless' } };
}
