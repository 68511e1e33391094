import { describe, expect, it } from 'vitest';
import { accessTo, CONTEXT, callerOf, factsOf } from '../../test/support/guard-parts.ts';
import type { AccessRequest } from '../core/access.ts';
import type { Access } from '../core/admission.ts';
import { ALLOW, type Decision, deny } from '../core/decision.ts';
import { authorize, refuseHidden } from './authorize.ts';
import type { Passage } from './passage.ts';

const SCOPES = (...scopes: readonly string[]): Decision =>
  deny('insufficient_scope', { kind: 'scopes', scopes });

const DECISIONS: Readonly<Record<string, Decision>> = {
  write: SCOPES('w'),
  share: SCOPES('s', 'w'),
  offline: SCOPES('w', 'offline_access'),
  purge: deny('missing_role'),
  login: deny('authentication_required'),
  link: deny('unlinked_account', { kind: 'link', resourceType: 'notes' }),
  stepUp: deny('insufficient_authentication', { kind: 'stepUp', acr: 'gold' }),
};

async function judge(
  accesses: readonly Access[],
  { listing = ALLOW, missing = [] as readonly string[] } = {},
) {
  const asked: AccessRequest[] = [];
  const lookedUp: string[] = [];
  const authorizer = {
    decide: (request: AccessRequest) => {
      asked.push(request);
      return request.action.endsWith('/list') ? listing : (DECISIONS[request.target.name] ?? ALLOW);
    },
  };
  const directory = {
    has: (_caller: unknown, { name }: { readonly name: string }) => {
      lookedUp.push(name);
      return !missing.includes(name);
    },
  };
  const passage: Passage = { caller: callerOf(), facts: factsOf({ accesses }) };
  const refusal = await authorize(authorizer, directory)(passage);
  return { refusal, hidden: refuseHidden(passage), asked, lookedUp };
}

const resource = (name: string, more: Partial<Access> = {}) =>
  accessTo(name, { action: 'resources/read', target: { server: 'notes', kind: 'resource', name }, ...more });

describe('authorize', () => {
  it('lets pass what is allowed and exists, and asks with everything it knows', async () => {
    const { refusal, asked, lookedUp } = await judge([accessTo('echo', { arguments: { a: 1 } })]);
    expect(refusal).toBeUndefined();
    expect(asked).toEqual([
      {
        action: 'tools/call',
        target: { server: 'notes', kind: 'tool', name: 'echo' },
        arguments: { a: 1 },
        principal: callerOf().principal,
        context: CONTEXT,
      },
    ]);
    expect(lookedUp).toEqual(['echo']);
  });

  it.each([
    ['write', { code: 'INSUFFICIENT_SCOPE', remedy: { kind: 'scopes', scopes: ['w'] } }],
    ['login', { code: 'MISSING_CREDENTIALS' }],
    ['link', { code: 'TOKEN_RESOLUTION_FAILED', remedy: { kind: 'link', resourceType: 'notes' } }],
    ['stepUp', { code: 'ACCESS_DENIED', remedy: { kind: 'stepUp', acr: 'gold' } }],
  ])('tells what would mend it: %s', async (name, refusal) => {
    expect((await judge([accessTo(name)])).refusal).toMatchObject(refusal);
  });

  it('never asks for offline_access', async () => {
    expect((await judge([accessTo('offline')])).refusal?.remedy).toEqual({ kind: 'scopes', scopes: ['w'] });
  });

  it('refuses what nothing would mend like what does not exist', async () => {
    const hidden = await judge([accessTo('purge')]);
    const unknown = await judge([accessTo('purge')], { missing: ['purge'] });
    expect(hidden.refusal).toMatchObject({ code: 'NOT_FOUND', hidden: true, message: 'Unknown tool: purge' });
    expect({ ...hidden.refusal, detail: '' }).toEqual({ ...unknown.refusal, detail: '' });
    // Nothing runs for someone who may not hope.
    expect(hidden.lookedUp).toEqual([]);
  });

  it('tells of no scope for what does not exist', async () => {
    expect((await judge([accessTo('write')], { missing: ['write'] })).refusal).toMatchObject({
      hidden: true,
    });
  });

  it('asks for the scopes to list names before it tells which there are', async () => {
    const listing = SCOPES('read');
    for (const name of ['purge', 'write']) {
      const { refusal, lookedUp } = await judge([accessTo(name)], { listing });
      expect(refusal).toMatchObject({ code: 'INSUFFICIENT_SCOPE', remedy: { kind: 'scopes' } });
      expect(refusal?.remedy?.kind === 'scopes' && refusal.remedy.scopes).toContain('read');
      expect(lookedUp).toEqual([]);
    }
  });

  it('asks for everything that is missing at once', async () => {
    const { refusal } = await judge([accessTo('write'), accessTo('echo'), accessTo('share')]);
    expect(refusal?.remedy).toEqual({ kind: 'scopes', scopes: ['w', 's'] });
  });

  it('refuses the whole for one thing that nothing would mend', async () => {
    const { refusal } = await judge([accessTo('write'), accessTo('purge')]);
    expect(refusal).toMatchObject({ hidden: true, message: 'Unknown tool: purge' });
  });

  it('drops what may be dropped', async () => {
    expect((await judge([resource('purge', { droppable: true }), accessTo('echo')])).refusal).toBeUndefined();
    expect((await judge([resource('write', { droppable: true })])).refusal).toMatchObject({
      code: 'INSUFFICIENT_SCOPE',
    });
  });

  it('hides a resource where its server would have said that it does not know it', async () => {
    const { refusal, hidden } = await judge([resource('purge')]);
    expect(refusal).toBeUndefined();
    expect(hidden).toMatchObject({ hidden: true, message: 'Unknown resource: purge' });
    expect((await judge([resource('public')])).hidden).toBeUndefined();
  });

  it('does not look up the server itself', async () => {
    const { refusal, lookedUp } = await judge([
      accessTo('', { target: { server: 'notes', kind: 'server', name: '' } }),
    ]);
    expect([refusal, lookedUp]).toEqual([undefined, []]);
  });
});
