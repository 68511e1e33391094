import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createLocalIssuer, type LocalIssuer } from '../../../src/testing/local-issuer.ts';
import { parseChallenge } from '../../support/challenge.ts';
import { jwtOf } from '../../support/gate-harness.ts';
import { type NotesGate, startNotes } from '../../support/notes-gate.ts';
import { ERAS, type Era, raw, rpc } from '../../support/wire.ts';

async function otherIssuer(path = ''): Promise<LocalIssuer> {
  const issuer = await createLocalIssuer({ path });
  onTestFinished(() => issuer.close());
  return issuer;
}

async function expectRefused(notes: NotesGate, era: Era, token: string): Promise<void> {
  const answer = await rpc(notes.url, { era, token, method: 'tools/list' });
  expect([answer.status, parseChallenge(answer).parameters['error']]).toEqual([401, 'invalid_token']);
  expect(notes.runs.built).toEqual([]);
}

describe.each(ERAS)('[resource-server/5] a token (%s)', (era) => {
  test('of an issuer that is not configured is refused, and the issuer is not even asked', async () => {
    const notes = await startNotes();
    const stranger = await otherIssuer();
    await expectRefused(notes, era, await stranger.token({ subject: 'alice', audience: notes.resource }));
    expect(stranger.requests.total).toBe(0);
  });

  test.each([
    ['with a trailing slash', (iss: string) => `${iss}/`],
    ['in another case', (iss: string) => iss.toUpperCase()],
    ['with a path', (iss: string) => `${iss}/tenant`],
    ['by another name of its host', (iss: string) => iss.replace('127.0.0.1', 'localhost')],
    ['inside a list', (iss: string) => [iss]],
    ['not at all', () => undefined],
    ['as the gate itself', () => 'urn:gatehouse:anonymous'],
  ])('that names the issuer %s is refused', async (_name, spell) => {
    const notes = await startNotes();
    await expectRefused(notes, era, await notes.token({ claims: { iss: spell(notes.issuer.issuer) } }));
  });

  test('that brings its own key, or says where to fetch one, is refused and nothing is fetched', async () => {
    const notes = await startNotes();
    const stranger = await otherIssuer();
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const claims = { sub: 'alice', aud: notes.resource, iss: notes.issuer.issuer };
    const jwk = await exportJWK(publicKey);
    for (const header of [
      { jwk },
      { jku: stranger.jwksUri },
      { x5u: stranger.jwksUri },
      { kid: stranger.jwksUri },
    ]) {
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header })
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(privateKey);
      await expectRefused(notes, era, token);
    }
    expect(stranger.requests.total).toBe(0);
  });
});

describe.each(ERAS)('[resource-server/5] several issuers (%s)', (era) => {
  const startBoth = async (): Promise<{ notes: NotesGate; second: LocalIssuer }> => {
    const second = await otherIssuer('/second');
    const notes = await startNotes({
      auth: (own) => [jwtOf(own), jwtOf(second)],
      tenancy: { toUserId: 'key' },
    });
    return { notes, second };
  };

  test('are all trusted, and tell their users apart', async () => {
    const { notes, second } = await startBoth();
    for (const issuer of [notes.issuer, second]) {
      const token = await issuer.token({ subject: 'alice', audience: notes.resource });
      const params = { name: 'whoami', arguments: {} };
      expect((await rpc(notes.url, { era, token, method: 'tools/call', params })).status).toBe(200);
    }
    const users = notes.runs.calls.map(({ userId }) => userId);
    expect(new Set(users).size).toBe(2);
    expect(users[0]).toContain(notes.issuer.issuer);
    expect(users[1]).toContain(second.issuer);
  });

  test('do not speak for each other', async () => {
    const { notes, second } = await startBoth();
    const as = (issuer: LocalIssuer, iss: string) =>
      issuer.token({ subject: 'alice', audience: notes.resource, claims: { iss } });
    await expectRefused(notes, era, await as(second, notes.issuer.issuer));
    await expectRefused(notes, era, await as(notes.issuer, second.issuer));
  });

  test('leave a third one refused', async () => {
    const { notes } = await startBoth();
    const third = await otherIssuer();
    await expectRefused(notes, era, await third.token({ subject: 'alice', audience: notes.resource }));
  });

  test('are all named in the metadata', async () => {
    const { notes, second } = await startBoth();
    const { json } = await raw(`${notes.origin}/.well-known/oauth-protected-resource/mcp`);
    expect(json?.['authorization_servers']).toEqual([notes.issuer.issuer, second.issuer]);
  });
});
