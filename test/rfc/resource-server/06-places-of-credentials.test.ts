import { describe, expect, test } from 'vitest';
import { fromWebRequest } from '../../../src/http/inbound-request.ts';
import { parseChallenge } from '../../support/challenge.ts';
import { startNotes } from '../../support/notes-gate.ts';
import { MODES, openPeer, STATEFUL } from '../../support/peers.ts';
import { ERAS, type Era, type HeaderPairs, headersOf, messageOf, raw } from '../../support/wire.ts';

function post(url: string, era: Era, headers: HeaderPairs, change: object = {}) {
  const call = { era, method: 'tools/call', params: { name: 'whoami', arguments: {} }, headers };
  const body = JSON.stringify({ ...messageOf(call), ...change });
  return raw(url, { method: 'POST', headers: headersOf(call), body });
}

describe.each(ERAS)('[resource-server/6] a token that is not in a header (%s)', (era) => {
  test.each(['access_token', 'ACCESS_TOKEN', 'token', 'authorization', 'bearer', 'api_key', 'x-api-key'])(
    'counts for nothing in the query: %s',
    async (name) => {
      const { url, token, runs } = await startNotes();
      const answer = await post(`${url}?${name}=${await token()}`, era, []);
      expect(answer.status).toBe(401);
      expect(parseChallenge(answer).parameters).not.toHaveProperty('error');
      expect(runs.built).toEqual([]);
    },
  );

  test('counts for nothing in the query of a stream or a session’s end', async () => {
    const { url, token } = await startNotes({ mode: STATEFUL });
    const query = `${url}?access_token=${await token()}`;
    expect((await raw(query, { headers: [['accept', 'text/event-stream']] })).status).toBe(401);
    expect((await raw(query, { method: 'DELETE' })).status).toBe(401);
  });

  test('counts for nothing in a form, which is no way to speak MCP either', async () => {
    const { url, token, runs } = await startNotes();
    const form = ['content-type', 'application/x-www-form-urlencoded'] as const;
    const value = await token();
    const body = `access_token=${value}`;
    expect((await raw(url, { method: 'POST', headers: [form], body })).status).toBe(401);
    const known = [form, ['authorization', `Bearer ${value}`]] as const;
    expect((await raw(url, { method: 'POST', headers: known, body })).status).toBe(415);
    expect(runs.built).toEqual([]);
  });

  test('counts for nothing in a JSON body, wherever it stands', async () => {
    const { url, token, runs } = await startNotes();
    const value = await token();
    expect((await post(url, era, [], { access_token: value })).status).toBe(401);
    for (const place of ['access_token', 'authorization', '_meta']) {
      const params = { name: 'whoami', [place]: { access_token: value, authorization: `Bearer ${value}` } };
      expect((await post(url, era, [], { params })).status).toBe(401);
    }
    expect(runs.built).toEqual([]);
  });

  test.each([
    'cookie',
    'proxy-authorization',
    'x-access-token',
    'x-forwarded-access-token',
    'mcp-authorization',
  ])('counts for nothing in the header %s', async (name) => {
    const { url, token } = await startNotes();
    const value = await token();
    for (const text of [`Bearer ${value}`, value, `access_token=${value}`]) {
      expect((await post(url, era, [[name, text]])).status).toBe(401);
    }
  });

  test('in the query neither helps nor hurts the one in the header', async () => {
    const { url, token, runs } = await startNotes();
    const bob = await token({ subject: 'bob' });
    const answer = await post(`${url}?access_token=${bob}`, era, [
      ['authorization', `Bearer ${await token()}`],
    ]);
    expect(answer.status).toBe(200);
    expect(runs.calls.map(({ userId }) => userId)).toEqual(['alice']);
  });
});

describe.each(ERAS)('[resource-server/6] the scheme (%s)', (era) => {
  test.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])(
    'is read without regard to case: %s',
    async (scheme) => {
      const { url, token } = await startNotes();
      expect((await post(url, era, [['authorization', `${scheme} ${await token()}`]])).status).toBe(200);
      expect((await post(url, era, [['AUTHORIZATION', `${scheme}   ${await token()}`]])).status).toBe(200);
    },
  );

  test.each(['Bearer:', 'Bearer=', 'xBearer', 'Bearertoken'])('is read whole: %s', async (scheme) => {
    const { url, token } = await startNotes();
    expect((await post(url, era, [['authorization', `${scheme} ${await token()}`]])).status).toBe(401);
  });
});

describe.each(ERAS)('[resource-server/6] two credentials are a 400 (%s):', (era) => {
  const cases: Readonly<Record<string, (alice: string, bob: string) => HeaderPairs>> = {
    'two Authorization headers': (alice, bob) => [
      ['authorization', `Bearer ${alice}`],
      ['authorization', `Bearer ${bob}`],
    ],
    'the same Authorization header twice': (alice) => [
      ['authorization', `Bearer ${alice}`],
      ['Authorization', `Bearer ${alice}`],
    ],
    'two in one Authorization header': (alice, bob) => [['authorization', `Bearer ${alice}, Bearer ${bob}`]],
    'a second scheme in a second header': (alice) => [
      ['authorization', `Bearer ${alice}`],
      ['authorization', 'Basic YWxpY2U6c2VjcmV0'],
    ],
    'a second scheme that comes first': (alice) => [
      ['authorization', 'Basic YWxpY2U6c2VjcmV0'],
      ['authorization', `Bearer ${alice}`],
    ],
    'a bearer and an API key': (alice) => [
      ['authorization', `Bearer ${alice}`],
      ['x-api-key', 'mcp_key'],
    ],
    'a bearer and a login session': (alice) => [
      ['authorization', `Bearer ${alice}`],
      ['x-session-id', 'session'],
    ],
    'an API key and a login session': () => [
      ['x-api-key', 'mcp_key'],
      ['x-session-id', 'session'],
    ],
    'two API keys': () => [
      ['x-api-key', 'mcp_key'],
      ['x-api-key', 'mcp_other'],
    ],
    'two login sessions': () => [
      ['x-session-id', 'one'],
      ['x-session-id', 'two'],
    ],
    'two proofs for one token': (alice) => [
      ['authorization', `DPoP ${alice}`],
      ['dpop', 'a.b.c'],
      ['dpop', 'd.e.f'],
    ],
  };

  test.each(Object.entries(cases))('%s', async (_name, headersFor) => {
    const { url, token, runs } = await startNotes();
    const answer = await post(url, era, headersFor(await token(), await token({ subject: 'bob' })));
    expect([answer.status, answer.json?.['code']]).toEqual([400, 'AMBIGUOUS_CREDENTIALS']);
    // No other credential would mend that, so nothing is challenged.
    expect(answer.headers).not.toHaveProperty('www-authenticate');
    expect(runs.built).toEqual([]);
  });

  test('over the Fetch API too, where fields arrive joined', async () => {
    const { gate, url, token } = await startNotes();
    const value = await token();
    const headers = new Headers(headersOf({ era, method: 'tools/list' }));
    headers.append('authorization', `Bearer ${value}`);
    headers.append('authorization', `Bearer ${value}`);
    const body = JSON.stringify(messageOf({ era, method: 'tools/list' }));
    expect((await gate.fetch(new Request(url, { method: 'POST', headers, body }))).status).toBe(400);
  });
});

describe.each(MODES)('[resource-server/6] a client certificate ($mode)', (mode) => {
  const clientCertificate = { raw: new Uint8Array([1, 2, 3]), authorized: true };

  test('beside a bearer is no second credential, and alone it is none that would be asked for here', async () => {
    const notes = await startNotes({ mode });
    const peer = await openPeer(notes, mode, await notes.token());
    const ask = (headers: HeaderPairs) => {
      const body = JSON.stringify(messageOf({ era: mode.era, method: 'tools/list' }));
      const init = {
        method: 'POST',
        headers: headers.map(([name, value]): [string, string] => [name, value]),
        body,
      };
      return notes.gate.handle(fromWebRequest(new Request(notes.url, init), { clientCertificate }));
    };
    const headers = peer.headers({ method: 'tools/list' });
    expect((await ask(headers)).status).toBe(200);
    expect((await ask(headers.filter(([name]) => name !== 'authorization'))).status).toBe(401);
  });
});
