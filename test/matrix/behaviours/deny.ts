import { expect } from 'vitest';
import { parseChallenge, scopesAskedBy } from '../../support/challenge.ts';
import { openPeer, type PeerCall } from '../../support/peers.ts';
import type { RawResponse } from '../../support/wire.ts';
import { GUARDED_SCOPES } from '../gates.ts';
import { outcomeOf } from '../ways/outcome.ts';
import { type Behaviour, type Cell, happenings } from './behaviour.ts';

const HIDDEN = 'secret';
/** Of the same length as the hidden one: answers must not differ by a byte. */
const UNKNOWN = 'absent';

export const deny: Behaviour = {
  title: 'deny',
  async expectHolds(cell) {
    const { alice, site, way } = cell;
    await expectClientRefused(cell);
    if (way.transport === 'http') await expectRefusedOnTheWire(cell);
    await alice.say('whoami');
    for (const tool of ['guarded', HIDDEN, UNKNOWN]) {
      expect(happenings(site, { tool, user: alice.user })).toEqual([]);
    }
    await expectOpenToOthers(cell);
  },
};

/** What somebody with a real client sees of it. */
async function expectClientRefused({ alice, way }: Cell): Promise<void> {
  const refused = await outcomeOf(alice.call('guarded'));
  expect(refused).toHaveProperty('error');
  const [hidden, unknown] = [await outcomeOf(alice.call(HIDDEN)), await outcomeOf(alice.call(UNKNOWN))];
  expect(hidden).toHaveProperty('error');
  expect(told(hidden)).toEqual(told(unknown));
  if (way.transport === 'http' || !('error' in refused)) return;
  const { data } = refused.error as { data?: { code?: string; remedy?: { kind: string; scopes: string[] } } };
  expect(data).toMatchObject({ code: 'INSUFFICIENT_SCOPE', remedy: { kind: 'scopes' } });
  expect(data?.remedy?.scopes.toSorted()).toEqual(GUARDED_SCOPES);
}

function told(outcome: Awaited<ReturnType<typeof outcomeOf>>): unknown {
  if (!('error' in outcome)) return outcome;
  const { code, data, message, name } = outcome.error;
  return { code, data, name, message: message.replaceAll(HIDDEN, UNKNOWN) };
}

async function expectRefusedOnTheWire({ alice, way }: Cell): Promise<void> {
  const mode = { mode: way.title, era: way.era, sessions: { mode: way.sessions } };
  const peer = await openPeer({ url: alice.url }, mode, alice.token ?? '');
  const refused = await peer.send(callOf('guarded'));
  expect(refused.status).toBe(403);
  expect(parseChallenge(refused).parameters).toMatchObject({ error: 'insufficient_scope' });
  expect(scopesAskedBy(refused)).toEqual(GUARDED_SCOPES);
  const [hidden, unknown] = [await peer.send(callOf(HIDDEN)), await peer.send(callOf(UNKNOWN))];
  expect(unknown.text).toContain(UNKNOWN);
  expect(onTheWire(hidden)).toEqual(onTheWire(unknown));
}

function onTheWire({ headers, status, text }: RawResponse): unknown {
  const { date: _date, 'x-request-id': _id, ...same } = headers;
  return { status, headers: same, text: text.replaceAll(HIDDEN, UNKNOWN) };
}

/** The same tools run for whoever holds what they ask for, so the refusals are not for want of a tool. */
async function expectOpenToOthers({ kind, site, alice }: Cell): Promise<void> {
  const url = site.urlOf(kind, 'stateless');
  const user = `carol-and-${alice.user}`;
  const token = await site.token({
    subject: user,
    audience: url,
    scopes: GUARDED_SCOPES,
    roles: ['admin'],
  });
  const carol = await openPeer(
    { url },
    { mode: '', era: '2026-07-28', sessions: { mode: 'stateless' } },
    token,
  );
  for (const tool of ['guarded', HIDDEN]) {
    const { status, text } = await carol.send(callOf(tool));
    expect(status, text).toBe(200);
    expect(happenings(site, { event: 'ran', tool, user })).toHaveLength(1);
  }
}

function callOf(name: string): PeerCall {
  return { method: 'tools/call', params: { name, arguments: {} } };
}
