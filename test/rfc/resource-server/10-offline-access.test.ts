import { describe, expect, test } from 'vitest';
import type { Authorizer } from '../../../src/authz/authorizer.ts';
import { ALLOW, deny } from '../../../src/core/decision.ts';
import { ConfigurationError } from '../../../src/core/errors.ts';
import { scopesAskedBy } from '../../support/challenge.ts';
import { NOTES_RULES } from '../../support/notes.ts';
import { startNotes } from '../../support/notes-gate.ts';
import { BATCH_MODES, MODES, openPeer, type PeerCall } from '../../support/peers.ts';
import { raw, rpc } from '../../support/wire.ts';

const OFFLINE = 'offline_access';
const WRITE: PeerCall = { method: 'tools/call', params: { name: 'write', arguments: {} } };

/** An authorizer that does not know better: it asks for `offline_access` wherever it can. */
const CARELESS: Authorizer = {
  decide: ({ target }) =>
    target.name === 'write'
      ? deny('insufficient_scope', { kind: 'scopes', scopes: [OFFLINE, 'notes:write', OFFLINE] })
      : ALLOW,
  endpointScopes: [OFFLINE, 'mcp:use'],
  scopesSupported: () => ['notes:write', OFFLINE, 'mcp:use'],
};

describe.each(MODES)('[resource-server/10] offline_access ($mode)', (mode) => {
  test('is not in the challenge of a missing or a bad credential', async () => {
    const { url } = await startNotes({ mode, authorization: CARELESS });
    for (const token of [undefined, 'bad']) {
      const answer = await rpc(url, { era: mode.era, token, method: 'tools/list' });
      expect([answer.status, scopesAskedBy(answer)]).toEqual([401, ['mcp:use']]);
    }
  });

  test('is not in the challenge of too little scope, nor in its body', async () => {
    const notes = await startNotes({ mode, authorization: CARELESS });
    const peer = await openPeer(notes, mode, await notes.token());
    const answer = await peer.send(WRITE);
    expect([answer.status, scopesAskedBy(answer)]).toEqual([403, ['notes:write']]);
    expect(answer.text).not.toContain(OFFLINE);
  });

  test('is not asked for alone either', async () => {
    const authorization: Authorizer = {
      decide: ({ target }) =>
        target.name === 'write' ? deny('insufficient_scope', { kind: 'scopes', scopes: [OFFLINE] }) : ALLOW,
      scopesSupported: () => [OFFLINE],
    };
    const notes = await startNotes({ mode, authorization });
    expect(scopesAskedBy(await rpc(notes.url, { era: mode.era, method: 'tools/list' }))).toBeUndefined();
    const peer = await openPeer(notes, mode, await notes.token());
    const answer = await peer.send(WRITE);
    expect([answer.status, scopesAskedBy(answer)]).toEqual([403, undefined]);
  });

  test('in a token does no harm', async () => {
    const notes = await startNotes({ mode, authorization: NOTES_RULES });
    const peer = await openPeer(notes, mode, await notes.token({ scopes: [OFFLINE, 'notes:write'] }));
    expect((await peer.send(WRITE)).status).toBe(200);
  });
});

describe('[resource-server/10] offline_access', () => {
  test.each(BATCH_MODES)('is not what a batch asks for ($mode)', async (mode) => {
    const notes = await startNotes({ mode, authorization: CARELESS });
    const peer = await openPeer(notes, mode, await notes.token());
    const answer = await peer.batch([WRITE, WRITE]);
    expect([answer.status, scopesAskedBy(answer)]).toEqual([403, ['notes:write']]);
  });

  test('is not among the supported scopes', async () => {
    const { origin } = await startNotes({ authorization: CARELESS });
    const { json } = await raw(`${origin}/.well-known/oauth-protected-resource/mcp`);
    expect(json?.['scopes_supported']).toEqual(['notes:write', 'mcp:use']);
  });

  test.each([
    ['at the endpoint', { endpoint: { scopes: [OFFLINE] } }],
    ['of a tool', { tools: { 'notes/write': { scopes: [OFFLINE] } } }],
    ['as an alternative', { prompts: { 'notes/draft': { scopes: { anyOf: ['notes:draft', OFFLINE] } } } }],
    ['of a role', { roles: { editor: { scopes: [OFFLINE] } } }],
    ['in the hierarchy', { hierarchy: { 'notes:admin': [OFFLINE] } }],
  ])('cannot be configured: %s', async (_name, authorization) => {
    await expect(startNotes({ authorization })).rejects.toThrow(ConfigurationError);
  });
});
