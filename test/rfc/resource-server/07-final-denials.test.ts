import { describe, expect, test } from 'vitest';
import type { Authorizer } from '../../../src/authz/authorizer.ts';
import { ALLOW, type Decision, deny } from '../../../src/core/decision.ts';
import { scopesAskedBy } from '../../support/challenge.ts';
import { SDKS } from '../../support/notes.ts';
import { type NotesGate, startNotes } from '../../support/notes-gate.ts';
import { BATCH_MODES, MODES, type Mode, openPeer, type PeerCall } from '../../support/peers.ts';
import { type RawResponse, rpc } from '../../support/wire.ts';

const PURGE: PeerCall = { method: 'tools/call', params: { name: 'purge', arguments: {} } };
const WRITE: PeerCall = { method: 'tools/call', params: { name: 'write', arguments: {} } };
const GREET: PeerCall = { method: 'prompts/get', params: { name: 'greet', arguments: { who: 'x' } } };

/** Nothing in the answer may send a client to ask for scopes: neither header nor body. */
function expectNoScopeHint(answer: RawResponse): void {
  expect(answer.headers).not.toHaveProperty('www-authenticate');
  expect(answer.text).not.toMatch(/scope|notes:write|notes:purge/);
}

async function ask(notes: NotesGate, mode: Mode, call: PeerCall): Promise<RawResponse> {
  const peer = await openPeer(notes, mode, await notes.token({ scopes: ['notes:read'] }));
  return peer.send(call);
}

/** Decides about tools and prompts as told; the rest is allowed. */
function authorizerThat(decision: Decision): Authorizer {
  return {
    decide: ({ target }) => (target.name === 'purge' || target.name === 'greet' ? decision : ALLOW),
    scopesSupported: () => ['notes:purge'],
  };
}

describe.each(SDKS)('[resource-server/7] what no scope could mend at a server of SDK %s', (sdk) => {
  describe.each(MODES)('asks for no scope ($mode):', (mode) => {
    test.each([
      ['a role', { roles: ['admin'] }],
      ['a permission', { permissions: ['purge'] }],
      ['a role, with scopes missing as well', { roles: ['admin'], scopes: ['notes:purge'] }],
      ['a permission, with scopes missing as well', { permissions: ['purge'], scopes: ['notes:purge'] }],
    ])('%s', async (_name, rule) => {
      const notes = await startNotes({ sdk, mode, authorization: { tools: { 'notes/purge': rule } } });
      const answer = await ask(notes, mode, PURGE);
      expectNoScopeHint(answer);
      expect(answer.json?.['error']).toMatchObject({ code: -32602, message: 'Unknown tool: purge' });
      expect(notes.runs.calls).toEqual([]);
    });

    test('a policy', async () => {
      const notes = await startNotes({ sdk, mode, authorization: authorizerThat(deny('policy')) });
      for (const call of [PURGE, GREET]) {
        const answer = await ask(notes, mode, call);
        expectNoScopeHint(answer);
        expect(answer.json?.['error']?.['code']).toBe(-32602);
      }
      expect(notes.runs.calls).toEqual([]);
    });

    test('a login that is too weak or too old', async () => {
      const decision = deny('insufficient_authentication', {
        kind: 'stepUp',
        acr: 'high',
        maxAgeSeconds: 60,
      });
      const notes = await startNotes({ sdk, mode, authorization: authorizerThat(decision) });
      const answer = await ask(notes, mode, PURGE);
      expectNoScopeHint(answer);
      expect([answer.status, answer.json?.['code']]).toEqual([403, 'ACCESS_DENIED']);
    });

    test('an approval', async () => {
      const decision = deny('approval_required', { kind: 'approval', approvalId: '7' });
      const notes = await startNotes({ sdk, mode, authorization: authorizerThat(decision) });
      const answer = await ask(notes, mode, PURGE);
      expectNoScopeHint(answer);
      expect(answer.status).toBe(403);
    });

    test('an account that is not linked', async () => {
      const credentials = { notes: { resolveToken: () => Promise.resolve(null) } };
      const notes = await startNotes({ sdk, mode, tenancy: { credentials } });
      for (const call of [WRITE, GREET, { method: 'resources/read', params: { uri: 'notes://public/1' } }]) {
        const answer = await ask(notes, mode, call);
        expectNoScopeHint(answer);
        expect(answer.status).not.toBe(401);
        expect(answer.text).toContain('No notes account is linked');
      }
      expect(notes.runs.calls).toEqual([]);
    });

    test('a tenant the caller does not belong to', async () => {
      const tenancy = { from: 'header', toUserId: 'subject' } as const;
      const authorization = { endpoint: { scopes: ['mcp:use'] } };
      const { url, token, runs } = await startNotes({ sdk, mode, tenancy, authorization });
      const value = await token({ claims: { tenants: ['acme'] } });
      const headers = [['x-tenant-id', 'globex']] as const;
      const answer = await rpc(url, { era: mode.era, token: value, headers, method: 'tools/list' });
      expectNoScopeHint(answer);
      expect([answer.status, answer.json?.['code']]).toEqual([403, 'ACCESS_DENIED']);
      expect(runs.built).toEqual([]);
    });
  });

  test.each(BATCH_MODES)('is left out of what a batch asks for ($mode)', async (mode) => {
    const authorization = {
      tools: {
        'notes/purge': { roles: ['admin'], scopes: ['notes:purge'] },
        'notes/write': { scopes: ['notes:write'] },
      },
    };
    const notes = await startNotes({ sdk, mode, authorization });
    const poor = await openPeer(notes, mode, await notes.token());
    const answer = await poor.batch([PURGE, WRITE]);
    expect([answer.status, scopesAskedBy(answer)]).toEqual([403, ['notes:write']]);
    expect(notes.runs.calls).toEqual([]);
    const rich = await openPeer(notes, mode, await notes.token({ scopes: ['notes:write'] }));
    expectNoScopeHint(await rich.batch([PURGE, GREET]));
    expect(notes.runs.calls.map(({ tool }) => tool)).toEqual(['prompt:greet']);
  });
});
