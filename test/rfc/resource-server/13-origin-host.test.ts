import { describe, expect, test } from 'vitest';
import { fromWebRequest } from '../../../src/http/inbound-request.ts';
import { type NotesGate, startNotes } from '../../support/notes-gate.ts';
import { MODES, type Mode, openPeer } from '../../support/peers.ts';
import { ERAS, type HeaderPairs, headersOf, messageOf, type RawResponse, raw } from '../../support/wire.ts';

const FRIEND = 'https://app.example';
const PUBLIC = 'https://mcp.example.com';
const CALL = { method: 'tools/call', params: { name: 'whoami', arguments: {} } };

/** A call that would be served, but for these headers. */
async function call(notes: NotesGate, mode: Mode, headers: HeaderPairs): Promise<RawResponse> {
  const peer = await openPeer(notes, mode, await notes.token());
  const { length } = notes.runs.calls;
  const answer = await peer.send({ ...CALL, headers });
  expect(notes.runs.calls).toHaveLength(answer.status === 200 ? length + 1 : length);
  return answer;
}

const FOREIGN_ORIGINS: Readonly<Record<string, (own: string) => HeaderPairs>> = {
  'another site': () => [['origin', 'https://evil.example']],
  'an opaque origin': () => [['origin', 'null']],
  'the empty text': () => [['origin', '']],
  'a file': () => [['origin', 'file://']],
  'an extension': () => [['origin', 'chrome-extension://abcdefghijklmnop']],
  'our host on another port': (own) => [['origin', own.replace(/\d+$/, '1')]],
  'our host by another scheme': (own) => [['origin', own.replace('http:', 'https:')]],
  'our host by another name': (own) => [['origin', own.replace('127.0.0.1', 'localhost')]],
  'our origin with a slash': (own) => [['origin', `${own}/`]],
  'our origin with a path': (own) => [['origin', `${own}/mcp`]],
  'a host that begins like ours': (own) => [['origin', own.replace('127.0.0.1', '127.0.0.1.evil.example')]],
  'a host that ends like a friend': () => [['origin', 'https://evil-app.example']],
  'a host below a friend': () => [['origin', 'https://evil.app.example']],
  'a friend in another case': () => [['origin', FRIEND.toUpperCase()]],
  'a friend with user information': () => [['origin', 'https://app.example@evil.example']],
  'a friend in a list': () => [['origin', `${FRIEND}, https://evil.example`]],
  'a friend and another': () => [
    ['origin', FRIEND],
    ['origin', 'https://evil.example'],
  ],
};

describe.each(MODES)('[resource-server/13] Origin ($mode)', (mode) => {
  test.each(Object.entries(FOREIGN_ORIGINS))('is refused: %s', async (_name, headersFor) => {
    const notes = await startNotes({ mode, listen: { allowedOrigins: [FRIEND] } });
    const answer = await call(notes, mode, headersFor(notes.origin));
    expect([answer.status, answer.json?.['code']]).toEqual([403, 'ORIGIN_NOT_ALLOWED']);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    expect(answer.headers).not.toHaveProperty('www-authenticate');
  });

  test('is taken where it is ours or a friend’s, and may be left out', async () => {
    const notes = await startNotes({ mode, listen: { allowedOrigins: [FRIEND] } });
    for (const origin of [notes.origin, FRIEND]) {
      const answer = await call(notes, mode, [['origin', origin]]);
      expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([200, origin]);
    }
    const answer = await call(notes, mode, []);
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([200, undefined]);
  });
});

const FOREIGN_HOSTS: Readonly<Record<string, HeaderPairs>> = {
  'another name': [['host', 'evil.example']],
  'another name on our port': [['host', 'evil.example:3000']],
  'a name that begins like loopback': [['host', '127.0.0.1.evil.example']],
  'a name that ends like loopback': [['host', 'evil-localhost']],
  'a name below localhost': [['host', 'evil.localhost']],
  'a name for which localhost is the first label': [['host', 'localhost.evil.example']],
  'a name that begins like ours': [['host', 'mcp.example.com.evil.example']],
  'a name below ours': [['host', 'evil.mcp.example.com']],
  'our name with a trailing dot': [['host', 'mcp.example.com.']],
  'our name behind user information': [['host', 'evil.example@mcp.example.com']],
  'our name as user information': [['host', 'mcp.example.com@evil.example']],
  'our name as a fragment': [['host', 'evil.example#mcp.example.com']],
  'our name as a path': [['host', 'evil.example/mcp.example.com']],
  'a list': [['host', 'mcp.example.com, evil.example']],
  'a blank in it': [['host', 'mcp.example.com evil.example']],
  'an underscore': [['host', 'mcp_example_com']],
  'no address of ours': [['host', '192.0.2.1']],
  'the address of a cloud’s metadata': [['host', '169.254.169.254']],
  'the unspecified address': [['host', '0.0.0.0']],
  'no IPv6 address of ours': [['host', '[2001:db8::1]']],
  'loopback mapped into IPv6': [['host', '[::ffff:127.0.0.1]']],
  'the empty text': [['host', '']],
  'a port alone': [['host', ':3000']],
  'a port that is none': [['host', 'mcp.example.com:99999']],
};

describe.each(MODES)('[resource-server/13] Host ($mode)', (mode) => {
  const start = () =>
    startNotes({ mode, publicUrl: PUBLIC, listen: { allowedHosts: ['Proxy.Internal', '192.0.2.9'] } });

  test.each(Object.entries(FOREIGN_HOSTS))('is refused: %s', async (_name, headers) => {
    const answer = await call(await start(), mode, headers);
    expect([answer.status, answer.json?.['code']]).toEqual([403, 'HOST_NOT_ALLOWED']);
  });

  test.each([
    'mcp.example.com',
    'MCP.Example.COM',
    'mcp.example.com:8443',
    'proxy.internal',
    'proxy.internal:80',
    '192.0.2.9',
    'localhost',
    'localhost:3000',
    '127.0.0.1',
    '[::1]:3000',
  ])('is taken where it is ours: %s', async (host) => {
    expect((await call(await start(), mode, [['host', host]])).status).toBe(200);
  });

  test('is not replaced by what a header says of it', async () => {
    const notes = await start();
    for (const name of ['x-forwarded-host', 'x-host', 'forwarded']) {
      const answer = await call(notes, mode, [
        ['host', 'evil.example'],
        [name, 'mcp.example.com'],
      ]);
      expect([name, answer.status]).toEqual([name, 403]);
    }
  });
});

describe('[resource-server/13] Host and Origin', () => {
  test.each([
    ['the info document', 'GET', '/mcp'],
    ['a stream', 'GET', '/mcp'],
    ['the end of a session', 'DELETE', '/mcp'],
    ['the health check', 'GET', '/mcp/health'],
    ['progress', 'GET', '/mcp/progress/stats'],
    ['the metadata', 'GET', '/.well-known/oauth-protected-resource/mcp'],
    ['what is not there', 'GET', '/elsewhere'],
    ['a preflight', 'OPTIONS', '/mcp'],
  ])('are checked before anything else: %s', async (_name, method, path) => {
    const { origin, runs } = await startNotes();
    const preflight = ['access-control-request-method', 'POST'] as const;
    for (const bad of [
      ['host', 'evil.example'],
      ['origin', 'https://evil.example'],
    ] as const) {
      const answer = await raw(`${origin}${path}`, { method, headers: [bad, preflight] });
      expect([bad[0], answer.status]).toEqual([bad[0], 403]);
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    }
    expect(runs.built).toEqual([]);
  });

  test('are checked before the credential is', async () => {
    const { url } = await startNotes();
    for (const bad of [
      ['host', 'evil.example'],
      ['origin', 'https://evil.example'],
    ] as const) {
      const headers = headersOf({ era: '2026-07-28', token: 'bad', ...CALL, headers: [bad] });
      expect((await raw(url, { method: 'POST', headers, body: '{}' })).status).toBe(403);
    }
  });

  test.each(ERAS)('an address that the client connected to is ours, any other is not (%s)', async (era) => {
    const { gate, token } = await startNotes();
    const ask = async (host: string, localAddress: string) => {
      const headers = new Headers(headersOf({ era, token: await token(), ...CALL }));
      headers.set('host', host);
      const init = { method: 'POST', headers, body: JSON.stringify(messageOf({ era, ...CALL })) };
      const { status } = await gate.handle(
        fromWebRequest(new Request('http://x/mcp', init), { localAddress }),
      );
      return status;
    };
    expect(await ask('192.0.2.7:3000', '192.0.2.7')).toBe(200);
    expect(await ask('192.0.2.7', '::ffff:192.0.2.7')).toBe(200);
    expect(await ask('[2001:db8::7]', '2001:db8::7')).toBe(200);
    expect(await ask('192.0.2.8', '192.0.2.7')).toBe(403);
    expect(await ask('192.0.2.7.evil.example', '192.0.2.7')).toBe(403);
  });
});
