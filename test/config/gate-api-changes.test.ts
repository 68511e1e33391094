import { describe, expect, test } from 'vitest';
import { createPrincipal } from '../../src/core/principal.ts';
import { startNotes } from '../support/notes-gate.ts';
import { openPeer, STATEFUL } from '../support/peers.ts';
import { ERAS, type RawResponse, rpc } from '../support/wire.ts';
import { notificationsOf, subscribe } from './fixtures/subscription.ts';

const WHOAMI = { method: 'tools/call', params: { name: 'whoami', arguments: {} } };
const TOOLS_CHANGED = 'notifications/tools/list_changed';
const PROMPTS_CHANGED = 'notifications/prompts/list_changed';
const RESOURCE_UPDATED = 'notifications/resources/updated';

describe('[config/gate-api] revoke', () => {
  test.each(ERAS)('refuses a token from now on and ends its streams, and no other (%s)', async (era) => {
    const { gate, url, token } = await startNotes();
    const [revoked, kept] = [await token(), await token()];
    const call = (given: string): Promise<RawResponse> => rpc(url, { era, token: given, ...WHOAMI });
    expect([(await call(revoked)).status, (await call(kept)).status]).toEqual([200, 200]);
    const [ending, staying] = [
      await subscribe({ url, token: revoked }),
      await subscribe({ url, token: kept }),
    ];

    gate.revoke({ token: revoked });
    expect((await ending.ended).clean).toBe(true);
    const answer = await call(revoked);
    expect([answer.status, answer.json?.['code']]).toEqual([401, 'INVALID_TOKEN']);
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
    expect((await call(kept)).status).toBe(200);
    expect(staying.isOpen).toBe(true);
  });

  test('refuses a token that was never seen', async () => {
    const { gate, url, token } = await startNotes();
    const revoked = await token();
    gate.revoke({ token: revoked });
    expect((await rpc(url, { era: '2026-07-28', token: revoked, ...WHOAMI })).status).toBe(401);
  });

  test('ends the streams and pooled servers of a principal, whose tokens go on', async () => {
    const { gate, url, token, issuer } = await startNotes({ server: { instances: { mode: 'pooled' } } });
    const [alice, bob] = [await token(), await token({ subject: 'bob' })];
    const call = (given: string) => rpc(url, { era: '2026-07-28', token: given, ...WHOAMI });
    const [ending, staying] = [await subscribe({ url, token: alice }), await subscribe({ url, token: bob })];
    expect([(await call(alice)).status, (await call(bob)).status]).toEqual([200, 200]);

    gate.revoke({ principalKey: createPrincipal({ issuer: issuer.issuer, subject: 'alice' }).key });
    await ending.ended;
    await expect.poll(() => gate.poolStats()['notes']?.evicted).toBeGreaterThanOrEqual(1);
    const created = gate.poolStats()['notes']?.created ?? 0;
    expect((await call(bob)).status).toBe(200);
    expect(gate.poolStats()['notes']?.created).toBe(created);
    expect((await call(alice)).status).toBe(200);
    expect(gate.poolStats()['notes']?.created).toBe(created + 1);
    expect(staying.isOpen).toBe(true);
  });

  test('ends the protocol sessions of a principal, and of nobody else', async () => {
    const notes = await startNotes({ mode: STATEFUL });
    const alice = await openPeer(notes, STATEFUL, await notes.token());
    const bob = await openPeer(notes, STATEFUL, await notes.token({ subject: 'bob' }));
    expect([(await alice.send(WHOAMI)).status, (await bob.send(WHOAMI)).status]).toEqual([200, 200]);
    const { key } = createPrincipal({ issuer: notes.issuer.issuer, subject: 'alice' });
    notes.gate.revoke({ principalKey: key });
    expect([(await alice.send(WHOAMI)).status, (await bob.send(WHOAMI)).status]).toEqual([404, 200]);
    const again = await openPeer(notes, STATEFUL, alice.token);
    expect((await again.send(WHOAMI)).status).toBe(200);
  });
});

describe('[config/gate-api] notify', () => {
  const ALL = {
    toolsListChanged: true,
    promptsListChanged: true,
    resourceSubscriptions: ['notes://public/1'],
  };

  test('tells subscribers what they asked for', async () => {
    const { gate, url, token } = await startNotes();
    const all = await subscribe({ url, token: await token(), notifications: ALL });
    const some = await subscribe({ url, token: await token(), notifications: { promptsListChanged: true } });
    gate.notify({ server: 'notes', change: { resource: 'notes://public/2' } });
    gate.notify({ server: 'notes', change: { resource: 'notes://public/1' } });
    const updated = await all.next(({ method }) => String(method) === RESOURCE_UPDATED);
    expect(updated['params']).toMatchObject({ uri: 'notes://public/1' });
    gate.notify({ server: 'notes', change: 'tools' });
    gate.notify({ server: 'notes', change: 'prompts' });
    for (const stream of [all, some]) await stream.next(({ method }) => String(method) === PROMPTS_CHANGED);
    expect(notificationsOf(all)).toEqual([RESOURCE_UPDATED, TOOLS_CHANGED, PROMPTS_CHANGED]);
    expect(notificationsOf(some)).toEqual([PROMPTS_CHANGED]);
  });

  test('tells a tenant, and no other', async () => {
    const { gate, url, token } = await startNotes({ tenancy: { from: 'claim', toUserId: 'key' } });
    const of = async (tenant: string) =>
      subscribe({ url, token: await token({ tenant }), notifications: ALL });
    const [acme, globex] = [await of('acme'), await of('globex')];
    gate.notify({ server: 'notes', tenantId: 'acme', change: 'tools' });
    gate.notify({ server: 'notes', change: 'tools' });
    for (const tenantId of ['acme', 'globex']) gate.notify({ server: 'notes', tenantId, change: 'prompts' });
    for (const stream of [acme, globex])
      await stream.next(({ method }) => String(method) === PROMPTS_CHANGED);
    expect(notificationsOf(acme)).toEqual([TOOLS_CHANGED, PROMPTS_CHANGED]);
    expect(notificationsOf(globex)).toEqual([PROMPTS_CHANGED]);
  });

  test('knows its servers', async () => {
    const { gate } = await startNotes();
    expect(() => gate.notify({ server: 'files', change: 'tools' })).toThrow('No server files: notes');
  });
});
