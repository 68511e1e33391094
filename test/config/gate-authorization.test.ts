import { describe, expect, test } from 'vitest';
import type { Authorizer } from '../../src/authz/authorizer.ts';
import type { AuthorizationConfig } from '../../src/config/authorization-options.ts';
import type { TokenInit } from '../../src/testing/local-issuer.ts';
import { parseChallenge, scopesAskedBy } from '../support/challenge.ts';
import { TOOLS } from '../support/notes.ts';
import { startNotes } from '../support/notes-gate.ts';
import { MODES, openPeer } from '../support/peers.ts';
import { ERAS, type Era, namesIn, rpc } from '../support/wire.ts';

const RULES: AuthorizationConfig = {
  endpoint: { scopes: ['notes:read'] },
  hierarchy: { 'notes:write': ['notes:read'], 'notes:*': ['notes:write'] },
  roles: {
    admin: { inherits: ['editor'], permissions: ['notes:purge'] },
    editor: { scopes: ['notes:write'] },
  },
  tools: {
    'notes/w*': { scopes: ['notes:read'] },
    'notes/write': { scopes: ['notes:write'] },
    'notes/purge': { permissions: ['notes:purge'] },
    '*/grow': { scopes: { anyOf: ['notes:grow', 'notes:write'] } },
    'notes/touch': { roles: { anyOf: ['editor', 'toucher'] } },
  },
};

async function startRules(authorization: AuthorizationConfig | Authorizer, era: Era) {
  const reported: unknown[] = [];
  const notes = await startNotes({ authorization, onError: (error) => void reported.push(error) });
  const ask = async (init: Partial<TokenInit>, method: string, params: Record<string, unknown> = {}) =>
    rpc(notes.url, { era, token: await notes.token(init), method, params });
  const call = (
    init: Partial<TokenInit>,
    name: string,
    args: Record<string, unknown> = { text: '', uri: 'notes://public/1' },
  ) => ask(init, 'tools/call', { name, arguments: args });
  const list = async (init: Partial<TokenInit>) => namesIn(await ask(init, 'tools/list'), 'tools');
  return { ...notes, ask, call, list, reported };
}

const HIDDEN = { error: { code: -32602 } };

describe.each(ERAS)('[config/authorization] in %s', (era) => {
  test('a scope that is missing is asked for, and enough when it comes', async () => {
    const { call, runs } = await startRules(RULES, era);
    const refused = await call({ scopes: ['notes:read'] }, 'write');
    expect(refused).toMatchObject({ status: 403, json: { code: 'INSUFFICIENT_SCOPE' } });
    expect(parseChallenge(refused).parameters).toMatchObject({ error: 'insufficient_scope' });
    expect(scopesAskedBy(refused)).toContain('notes:write');
    expect(runs.calls).toEqual([]);
    expect(await call({ scopes: ['notes:write'] }, 'write')).toMatchObject({ status: 200 });
  });

  test('nobody is asked for less than what opens the endpoint', async () => {
    const { url, call } = await startRules(RULES, era);
    expect(scopesAskedBy(await rpc(url, { era, method: 'tools/list' }))).toEqual(['notes:read']);
    expect(await call({ scopes: ['notes:other'] }, 'whoami')).toMatchObject({ status: 403 });
  });

  test('a scope includes those below it, and no others', async () => {
    const { call } = await startRules(RULES, era);
    for (const scopes of [['notes:*'], ['notes:write'], ['notes:read', 'notes:write']]) {
      expect(await call({ scopes }, 'write')).toMatchObject({ status: 200 });
    }
    for (const scopes of [['notes:read'], ['notes'], ['notes:wri'], ['NOTES:WRITE'], ['notes:write2']]) {
      expect((await call({ scopes }, 'write')).status).toBe(403);
    }
  });

  test('a role carries its scopes and permissions, and those it inherits', async () => {
    const { call } = await startRules(RULES, era);
    expect(await call({ roles: ['admin'] }, 'purge')).toMatchObject({
      status: 200,
      json: { result: { content: [{ text: 'purge' }] } },
    });
    expect(await call({ roles: ['admin'] }, 'write')).toMatchObject({ status: 200 });
    expect((await call({ roles: ['editor'] }, 'purge')).json).toMatchObject(HIDDEN);
  });

  test('one of several is enough where that is said', async () => {
    const { call } = await startRules(RULES, era);
    const grow = { scopes: ['notes:read', 'notes:grow'] };
    expect(await call(grow, 'grow')).toMatchObject({
      status: 200,
      json: { result: { content: [{ text: 'grown' }] } },
    });
    expect(await call({ roles: ['editor'] }, 'touch')).toMatchObject({ status: 200, json: { result: {} } });
    expect((await call({ scopes: ['notes:read'], roles: ['reader'] }, 'touch')).json).toMatchObject(HIDDEN);
  });

  test('every pattern that matches must allow it', async () => {
    const { call } = await startRules(
      { tools: { 'notes/*': { scopes: ['a'] }, 'notes/e*': { scopes: ['b'] } } },
      era,
    );
    expect(await call({ scopes: ['a', 'b'] }, 'echo')).toMatchObject({ status: 200 });
    expect((await call({ scopes: ['b'] }, 'echo')).status).toBe(403);
    expect((await call({ scopes: ['a'] }, 'echo')).status).toBe(403);
    expect(await call({ scopes: ['a'] }, 'whoami')).toMatchObject({ status: 200 });
  });

  test('lists show what can be had now or with more scope, and nothing that is finally denied', async () => {
    const { list } = await startRules(RULES, era);
    const open = TOOLS.filter((name) => name !== 'purge' && name !== 'touch');
    expect(await list({ scopes: ['notes:read'] })).toEqual(open);
    expect(await list({ roles: ['editor'] })).toEqual(TOOLS.filter((name) => name !== 'purge'));
    expect(await list({ roles: ['admin'] })).toEqual(TOOLS);
  });

  test('a tool that is hidden and one that does not exist answer alike', async () => {
    const { call, runs } = await startRules(RULES, era);
    const who = { scopes: ['notes:read'] };
    const [hidden, unknown] = [await call(who, 'purge'), await call(who, 'nosuch')];
    expect(hidden.status).toBe(unknown.status);
    expect(hidden.text.replaceAll('purge', 'nosuch')).toBe(unknown.text);
    expect(runs.calls).toEqual([]);
  });

  test('what is public is served to nobody in particular, and nothing else is', async () => {
    const { url, runs } = await startRules({ tools: { 'notes/echo': { access: 'public' } } }, era);
    const call = (name: string) =>
      rpc(url, { era, method: 'tools/call', params: { name, arguments: { text: 'hello' } } });
    expect(await call('echo')).toMatchObject({
      status: 200,
      json: { result: { content: [{ text: 'hello' }] } },
    });
    expect(await call('whoami')).toMatchObject({ status: 401 });
    expect(runs.calls.map(({ tool }) => tool)).toEqual(['echo']);
    expect(runs.built.at(-1)?.extras.principal.subject).toBe('anonymous');
  });

  test('an authorizer in code decides, and one that throws denies', async () => {
    const seen: unknown[] = [];
    const authorizer: Authorizer = {
      async decide({ action, target, arguments: given, principal }) {
        seen.push([action, target.name, given, principal.subject]);
        if (target.name === 'write') throw new Error('policy engine is down');
        return target.name === 'purge' ? { effect: 'deny', reason: 'policy' } : { effect: 'allow' };
      },
    };
    const { call, runs, reported } = await startRules(authorizer, era);
    expect(await call({}, 'echo', { text: 'x' })).toMatchObject({ status: 200 });
    expect(seen).toContainEqual(['tools/call', 'echo', { text: 'x' }, 'alice']);
    expect((await call({}, 'purge')).json).toMatchObject(HIDDEN);
    const failed = await call({}, 'write');
    expect(failed.status).toBe(500);
    expect(failed.text).not.toContain('policy engine');
    expect(reported).toMatchObject([{ message: 'policy engine is down' }]);
    expect(runs.calls.map(({ tool }) => tool)).toEqual(['echo']);
  });
});

test.each(MODES)(
  '[config/authorization] a list that cannot be filtered is not shown, and nobody waits for it ($mode)',
  async (mode) => {
    const authorizer: Authorizer = {
      decide: ({ action, arguments: given }) => {
        // Asked without arguments it is about a list.
        if (action === 'tools/call' && given === undefined) throw new Error('policy engine is down');
        return { effect: 'allow' };
      },
    };
    const notes = await startNotes({ mode, authorization: authorizer });
    const peer = await openPeer(notes, mode, await notes.token());
    const answer = await peer.send({ method: 'tools/list', id: 5 });
    expect(answer.json).toMatchObject({ id: 5, error: { code: -32603, message: 'Internal error' } });
    expect(answer.text).not.toContain('whoami');
    expect(notes.events.at(-1)).toMatchObject({ method: 'tools/list', outcome: 'failure', code: '-32603' });
    expect(await peer.send({ method: 'tools/call', params: { name: 'whoami' }, id: 6 })).toMatchObject({
      status: 200,
    });
  },
);
