import { describe, expect, test } from 'vitest';
import { parseChallenge } from '../../support/challenge.ts';
import { startNotes } from '../../support/notes-gate.ts';
import { MODERN, MODES, openSession, STATEFUL } from '../../support/peers.ts';
import { headersOf, messageOf, raw } from '../../support/wire.ts';

const SSE = ['accept', 'text/event-stream'] as const;
const FRIEND = 'https://app.example';

describe.each(MODES)('[resource-server/2] without a credential ($mode)', (mode) => {
  const call = { era: mode.era, method: 'tools/call', params: { name: 'whoami' } };
  const body = JSON.stringify(messageOf(call));

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'QUERY'])(
    '%s is refused',
    async (method) => {
      const { url, runs } = await startNotes({ mode });
      const answer = await raw(url, { method, headers: headersOf(call), body });
      expect(answer.status).toBe(401);
      expect(parseChallenge(answer).parameters).not.toHaveProperty('error');
      expect(runs.built).toEqual([]);
    },
  );

  test.each([['text/event-stream'], ['application/json, text/event-stream'], ['TEXT/Event-Stream;q=1']])(
    'GET for a stream is refused: %s',
    async (accept) => {
      const { url } = await startNotes({ mode });
      const answer = await raw(url, { headers: [['accept', accept]] });
      expect(answer.status).toBe(401);
      expect(parseChallenge(answer).scheme).toBe('Bearer');
    },
  );

  test.each(['/message', '/progress/stats', '/progress/metrics'])('%s is refused', async (path) => {
    const { url } = await startNotes({ mode });
    expect((await raw(`${url}${path}`)).status).toBe(401);
    expect((await raw(`${url}${path}`, { method: 'POST', headers: headersOf(call), body })).status).toBe(401);
  });

  test('a body that never comes is not waited for', async () => {
    const { url } = await startNotes({ mode });
    const answer = await raw(url, { method: 'POST', headers: headersOf(call), unfinished: true });
    expect(answer.status).toBe(401);
  });
});

describe('[resource-server/2] a session', () => {
  test('is neither read nor ended without a credential', async () => {
    const notes = await startNotes({ mode: STATEFUL });
    const token = await notes.token();
    const id = await openSession(notes, token);
    const session = ['mcp-session-id', id] as const;
    expect((await raw(notes.url, { headers: [SSE, session] })).status).toBe(401);
    expect((await raw(notes.url, { method: 'DELETE', headers: [session] })).status).toBe(401);
    const call = { era: STATEFUL.era, method: 'tools/list', headers: [session] };
    const send = (own: object) =>
      raw(notes.url, {
        method: 'POST',
        headers: headersOf({ ...call, ...own }),
        body: JSON.stringify(messageOf(call)),
      });
    expect((await send({})).status).toBe(401);
    expect((await send({ token })).status).toBe(200);
  });
});

describe('[resource-server/2] with a credential', () => {
  test('a method that is not served is named as such', async () => {
    const { url, token } = await startNotes();
    const authorization = ['authorization', `Bearer ${await token()}`] as const;
    for (const method of ['PUT', 'PATCH', 'DELETE', 'QUERY']) {
      const answer = await raw(url, { method, headers: [authorization] });
      expect([method, answer.status, answer.headers['allow']]).toEqual([
        method,
        405,
        expect.stringContaining('POST'),
      ]);
    }
    expect((await raw(url, { headers: [authorization, SSE] })).status).toBe(405);
  });
});

describe('[resource-server/2] exempt are', () => {
  test('the info document, which is the same for everybody and builds nothing', async () => {
    const { url, token, runs } = await startNotes();
    const nobody = await raw(url);
    const someone = await raw(url, { headers: [['authorization', `Bearer ${await token()}`]] });
    expect(nobody.status).toBe(200);
    expect(nobody.json).toMatchObject({ name: 'notes' });
    expect(someone.text).toBe(nobody.text);
    expect(runs.built).toEqual([]);
  });

  test('the health check, by GET only', async () => {
    const { url } = await startNotes();
    const health = await raw(`${url}/health`);
    expect([health.status, health.json?.['status']]).toEqual([200, 'healthy']);
    expect((await raw(`${url}/health`, { method: 'POST', body: '{}' })).status).toBe(401);
  });

  test.each(['POST', 'GET', 'DELETE'])('the preflight of %s, which runs nothing', async (method) => {
    const { url, runs } = await startNotes({ listen: { allowedOrigins: [FRIEND] } });
    const asked = 'authorization, content-type, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name';
    const answer = await raw(url, {
      method: 'OPTIONS',
      headers: [
        ['origin', FRIEND],
        ['access-control-request-method', method],
        ['access-control-request-headers', asked],
      ],
      body: JSON.stringify(messageOf({ era: MODERN.era, method: 'tools/call', params: { name: 'whoami' } })),
    });
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-origin']).toBe(FRIEND);
    expect(listOf(answer.headers['access-control-allow-methods'])).toContain(method.toLowerCase());
    expect(listOf(answer.headers['access-control-allow-headers'])).toEqual(
      expect.arrayContaining(listOf(asked)),
    );
    expect(runs.built).toEqual([]);
  });
});

describe('[resource-server/2] browsers', () => {
  test.each(['POST', 'GET', 'DELETE'])(
    'of an allowed origin may read the challenge of %s',
    async (method) => {
      const { url } = await startNotes({ listen: { allowedOrigins: [FRIEND] } });
      const answer = await raw(url, { method, headers: [['origin', FRIEND], SSE] });
      expect(answer.status).toBe(401);
      expect(answer.headers['access-control-allow-origin']).toBe(FRIEND);
      expect(listOf(answer.headers['access-control-expose-headers'])).toContain('www-authenticate');
      expect(answer.headers['vary']).toMatch(/\borigin\b/i);
    },
  );

  test('of an allowed origin may read what an insufficient scope asks for', async () => {
    const authorization = { endpoint: { scopes: ['mcp:use'] } };
    const { url, token } = await startNotes({ authorization, listen: { allowedOrigins: [FRIEND] } });
    const call = {
      era: MODERN.era,
      token: await token(),
      method: 'tools/list',
      headers: [['origin', FRIEND]],
    } as const;
    const answer = await raw(url, {
      method: 'POST',
      headers: headersOf(call),
      body: JSON.stringify(messageOf(call)),
    });
    expect(answer.status).toBe(403);
    expect(answer.headers['access-control-allow-origin']).toBe(FRIEND);
    expect(listOf(answer.headers['access-control-expose-headers'])).toContain('www-authenticate');
  });

  test('of other origins get no leave to read anything', async () => {
    const { url } = await startNotes({ listen: { allowedOrigins: [FRIEND] } });
    for (const method of ['POST', 'GET', 'OPTIONS']) {
      const headers = [
        ['origin', 'https://evil.example'],
        ['access-control-request-method', 'POST'],
      ] as const;
      const answer = await raw(url, { method, headers });
      expect([method, answer.status]).toEqual([method, 403]);
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });
});

function listOf(field: string | string[] | undefined): string[] {
  return String(field ?? '')
    .toLowerCase()
    .split(',')
    .map((item) => item.trim());
}
