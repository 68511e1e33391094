import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { AuthProvider } from '../../../src/authn/auth-provider.ts';
import type { Authorizer } from '../../../src/authz/authorizer.ts';
import { ALLOW, deny } from '../../../src/core/decision.ts';
import { createPrincipal } from '../../../src/core/principal.ts';
import { parseChallenge } from '../../support/challenge.ts';
import { NOTES_RULES } from '../../support/notes.ts';
import { startNotes } from '../../support/notes-gate.ts';
import { ERAS, raw, rpc } from '../../support/wire.ts';

const HOSTILE: Readonly<Record<string, string>> = {
  'a quote': 'a"b',
  'a quote that ends the value': '", error="none',
  'a backslash': 'a\\b',
  'a backslash before the end': 'a\\',
  'an escaped quote': 'a\\"b',
  'a line break': 'a\r\nb',
  'a header of its own': 'a\r\nSet-Cookie: session=stolen\r\n',
  'a line feed alone': 'a\nX-Injected: 1',
  'a carriage return alone': 'a\rX-Injected: 1',
  'a body of its own': 'a\r\n\r\n<script>alert(1)</script>',
  'a challenge of its own': 'a", Basic realm="b',
  'a zero byte': 'a\0b',
  'a tab': 'a\tb',
  'an escape sequence': 'a\u001b[31mb',
  'a delete character': 'a\u007fb',
  'letters beyond ASCII': 'grüß Gott',
  'letters beyond Latin-1': '日本語 \u{1f600}',
  'half a letter': 'a\ud83db',
  'separators of Unicode': 'a\u2028b\u2029c',
  'an encoded line break': 'a%0d%0aX-Injected: 1',
};

/** What is left of a text in a header: what cannot stand there is a blank. */
function inHeader(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, ' ');
}

describe.each(ERAS)('[resource-server/14] the challenge holds what it is told to (%s):', (era) => {
  test.each(Object.entries(HOSTILE))('%s in the words of a provider', async (_name, text) => {
    const provider: AuthProvider = {
      authenticate: () => Promise.resolve({ authenticated: false, reason: 'invalid', error: text }),
    };
    const { url, origin } = await startNotes({ auth: [provider] });
    const answer = await rpc(url, { era, token: 'any', method: 'tools/list' });
    expect(answer.status).toBe(401);
    expect(parseChallenge(answer).parameters).toEqual({
      error: 'invalid_token',
      error_description: inHeader(text),
    });
    expect(answer.json?.['code']).toBe('INVALID_TOKEN');
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(answer.headers).not.toHaveProperty('x-injected');
    expect((await raw(`${origin}/mcp/health`)).status).toBe(200);
  });

  test.each(Object.entries(HOSTILE))('%s in a scope', async (_name, text) => {
    const authorization: Authorizer = {
      decide: ({ target }) =>
        target.name === 'write'
          ? deny('insufficient_scope', { kind: 'scopes', scopes: ['first', text] })
          : ALLOW,
      endpointScopes: ['mcp:use', text],
    };
    const { url, token, resource } = await startNotes({ authorization });
    const nobody = await rpc(url, { era, method: 'tools/list' });
    expect([nobody.status, parseChallenge(nobody).parameters['scope']]).toEqual([
      401,
      `mcp:use ${inHeader(text)}`,
    ]);
    const params = { name: 'write', arguments: {} };
    const poor = await rpc(url, { era, token: await token(), method: 'tools/call', params });
    expect(poor.status).toBe(403);
    expect(parseChallenge(poor).parameters).toMatchObject({
      error: 'insufficient_scope',
      scope: `first ${inHeader(text)}`,
      resource_metadata: expect.stringContaining(new URL(resource).host) as string,
    });
    for (const { headers } of [nobody, poor]) {
      expect(headers).not.toHaveProperty('set-cookie');
      expect(headers).not.toHaveProperty('x-injected');
    }
  });

  test.each(Object.entries(HOSTILE))('%s in a token stays out of it', async (_name, text) => {
    const { url } = await startNotes();
    const sendable = text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '');
    const answer = await rpc(url, { era, token: `marked${sendable}`, method: 'tools/list' });
    expect([400, 401]).toContain(answer.status);
    if (answer.status === 401) expect(parseChallenge(answer).parameters['error']).toBe('invalid_token');
    expect(`${JSON.stringify(answer.headers)}${answer.text}`).not.toContain('marked');
  });

  test.each(Object.entries(HOSTILE))(
    '%s in names and claims stays out of all headers',
    async (_name, text) => {
      const { url, issuer, resource } = await startNotes({ authorization: NOTES_RULES });
      const token = await issuer.token({
        subject: text,
        audience: resource,
        clientId: text,
        claims: { tenant: text },
      });
      for (const [method, params] of [
        ['tools/call', { name: text, arguments: {} }],
        ['resources/read', { uri: `notes://secret/${text}` }],
        [text, {}],
      ] as const) {
        const message = { jsonrpc: '2.0', id: 1, method, params };
        const headers = [
          ['content-type', 'application/json'],
          ['accept', '*/*'],
          ['authorization', `Bearer ${token}`],
        ] as const;
        const answer = await raw(url, { method: 'POST', headers, body: JSON.stringify(message) });
        expect(answer.headers).not.toHaveProperty('set-cookie');
        expect(answer.headers).not.toHaveProperty('x-injected');
        expect(answer.status).toBeLessThan(500);
      }
    },
  );
});

describe('[resource-server/14] a request id', () => {
  test.each(['plain-1.2_3', 'a'.repeat(128)])('is said back: %s', async (id) => {
    const { url } = await startNotes();
    expect((await raw(url, { headers: [['x-request-id', id]] })).headers['x-request-id']).toBe(id);
  });

  test.each(['a"b', 'a b', 'a,b', 'a;b', 'a\tb', '<script>', 'a'.repeat(129), 'ü', '${jndi:x}', '../x', ''])(
    'that could do harm is not: %s',
    async (id) => {
      const { url } = await startNotes();
      const said = (await raw(url, { headers: [['x-request-id', id]] })).headers['x-request-id'];
      expect(said).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  test('sent twice is neither of the two', async () => {
    const { url } = await startNotes();
    const headers = [
      ['x-request-id', 'one'],
      ['x-request-id', 'two'],
    ] as const;
    expect((await raw(url, { headers })).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('[resource-server/14] what is sent as it is on the wire', () => {
  test('cannot end a header of ours early', async () => {
    const { origin } = await startNotes();
    const lines = ['GET /mcp%0d%0aX-Injected:%201 HTTP/1.1', 'host: 127.0.0.1', 'connection: close', '', ''];
    const answer = await exchange(origin, lines.join('\r\n'));
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer.toLowerCase()).not.toContain('\r\nx-injected');
  });

  test('a provider that signs in whoever it likes cannot put a name into a header either', async () => {
    const subject = 'a"\r\nSet-Cookie: session=stolen';
    const provider: AuthProvider = {
      authenticate: () =>
        Promise.resolve({ authenticated: true, principal: createPrincipal({ issuer: 'urn:x', subject }) }),
    };
    const { url } = await startNotes({ auth: [provider], authorization: NOTES_RULES });
    const answer = await rpc(url, {
      era: '2026-07-28',
      token: 'x',
      method: 'tools/call',
      params: { name: 'write' },
    });
    expect(answer.status).toBe(403);
    expect(Object.keys(parseChallenge(answer).parameters)).toEqual(['error', 'error_description', 'scope']);
    expect(answer.headers).not.toHaveProperty('set-cookie');
  });
});

function exchange(origin: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(new URL(origin).port), '127.0.0.1', () => socket.write(text));
    socket.on('error', reject);
    socket.on('data', (data) => chunks.push(data));
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}
