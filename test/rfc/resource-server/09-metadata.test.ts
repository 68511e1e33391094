import { describe, expect, onTestFinished, test } from 'vitest';
import { createLocalIssuer } from '../../../src/testing/local-issuer.ts';
import { parseChallenge } from '../../support/challenge.ts';
import { jwtOf, startGate } from '../../support/gate-harness.ts';
import { createRuns, NOTES_RULES } from '../../support/notes.ts';
import { startNotes } from '../../support/notes-gate.ts';
import { notesFactory } from '../../support/notes-server.ts';
import { notesFactoryV1 } from '../../support/notes-server-v1.ts';
import { ERAS, type HeaderPairs, raw, rpc } from '../../support/wire.ts';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const PUBLIC = 'https://mcp.example.com';

describe('[resource-server/9] the metadata of a resource', () => {
  test('is public, and complete', async () => {
    const { origin, issuer, resource, runs } = await startNotes({ authorization: NOTES_RULES });
    const answer = await raw(`${origin}${WELL_KNOWN}/mcp`);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.headers['cache-control']).toMatch(/max-age=\d+/);
    expect(answer.json).toEqual({
      resource,
      authorization_servers: [issuer.issuer],
      scopes_supported: ['notes:draft', 'notes:write'],
      bearer_methods_supported: ['header'],
      resource_name: 'notes',
    });
    expect(runs.built).toEqual([]);
  });

  test('stands at the root as well while it is the only one', async () => {
    const { origin } = await startNotes();
    const own = await raw(`${origin}${WELL_KNOWN}/mcp`);
    const root = await raw(`${origin}${WELL_KNOWN}`);
    expect([root.status, root.text]).toEqual([200, own.text]);
  });

  test.each([
    ['a credential that does not hold', [['authorization', 'Bearer expired']]],
    [
      'two credentials',
      [
        ['authorization', 'Bearer a'],
        ['authorization', 'Bearer b'],
      ],
    ],
    ['a session of nobody’s', [['mcp-session-id', 'x']]],
    ['an accept header of its own', [['accept', 'text/event-stream']]],
  ] satisfies [string, HeaderPairs][])('is not refused because of %s', async (_name, headers) => {
    const { origin } = await startNotes();
    expect((await raw(`${origin}${WELL_KNOWN}/mcp`, { headers })).status).toBe(200);
  });

  test('may be read by pages of allowed origins', async () => {
    const { origin } = await startNotes({ listen: { allowedOrigins: ['https://app.example'] } });
    const answer = await raw(`${origin}${WELL_KNOWN}/mcp`, { headers: [['origin', 'https://app.example']] });
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([
      200,
      'https://app.example',
    ]);
  });

  test.each([
    `${WELL_KNOWN}/mcp/`,
    `${WELL_KNOWN}/`,
    `${WELL_KNOWN}/other`,
    `${WELL_KNOWN}//mcp`,
    `${WELL_KNOWN}/mcp/health`,
    `/mcp${WELL_KNOWN}`,
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
  ])('stands nowhere else: %s', async (path) => {
    const { origin } = await startNotes();
    expect((await raw(`${origin}${path}`)).status).toBe(404);
  });

  test('is not there where no authorization server is', async () => {
    const { origin } = await startNotes({
      auth: [{ type: 'jwt', secret: 'a secret that is long enough for HS256' }],
    });
    for (const path of [WELL_KNOWN, `${WELL_KNOWN}/mcp`])
      expect((await raw(`${origin}${path}`)).status).toBe(404);
  });

  test('names every authorization server there is', async () => {
    const second = await createLocalIssuer();
    onTestFinished(() => second.close());
    const { origin, issuer } = await startNotes({
      auth: (own) => [jwtOf(own), jwtOf(second)],
      tenancy: { toUserId: 'key' },
    });
    const { json } = await raw(`${origin}${WELL_KNOWN}/mcp`);
    expect(json?.['authorization_servers']).toEqual([issuer.issuer, second.issuer]);
  });
});

describe('[resource-server/9] the resource', () => {
  const SPOOFS: Readonly<Record<string, HeaderPairs>> = {
    Host: [['host', 'friend.example']],
    'Host with a port': [['host', 'friend.example:8443']],
    'X-Forwarded-Host': [
      ['x-forwarded-host', 'evil.example'],
      ['x-forwarded-proto', 'http'],
    ],
    'X-Forwarded-Host of a trusted proxy': [
      ['x-forwarded-for', '8.8.8.8'],
      ['x-forwarded-host', 'evil.example'],
    ],
    Forwarded: [['forwarded', 'host=evil.example;proto=http']],
    'X-Original-URL': [['x-original-url', 'https://evil.example/mcp']],
    'X-Original-Host': [['x-original-host', 'evil.example']],
  };

  test.each(Object.entries(SPOOFS))('is the configured one, whatever %s says', async (_name, headers) => {
    const listen = { allowedHosts: ['friend.example'], trustedProxies: ['127.0.0.1'] };
    const { origin, url } = await startNotes({ publicUrl: PUBLIC, listen });
    for (const path of [WELL_KNOWN, `${WELL_KNOWN}/mcp`]) {
      const answer = await raw(`${origin}${path}`, { headers });
      expect([answer.status, answer.json?.['resource']]).toEqual([200, `${PUBLIC}/mcp`]);
    }
    const challenged = await rpc(url, { era: '2026-07-28', method: 'tools/list', headers });
    expect(parseChallenge(challenged).parameters['resource_metadata']).toBe(`${PUBLIC}${WELL_KNOWN}/mcp`);
  });

  test('is not told to a host that is not served', async () => {
    const { origin } = await startNotes({ publicUrl: PUBLIC });
    const answer = await raw(`${origin}${WELL_KNOWN}/mcp`, { headers: [['host', 'evil.example']] });
    expect(answer.status).toBe(403);
    expect(answer.text).not.toContain('mcp.example.com');
  });

  test.each(['/', '/api/v1/mcp'])('is written as configured: %s', async (path) => {
    const { origin } = await startNotes({ publicUrl: PUBLIC, listen: { path } });
    const { status, json } = await raw(`${origin}${WELL_KNOWN}${path === '/' ? '' : path}`);
    expect([status, json?.['resource']]).toEqual([200, `${PUBLIC}${path}`]);
  });

  test.each(ERAS)('is what tokens are for (%s)', async (era) => {
    const { origin, url, token } = await startNotes({ publicUrl: PUBLIC });
    const { json } = await raw(`${origin}${WELL_KNOWN}/mcp`);
    const value = await token({ audience: String(json?.['resource']) });
    expect((await rpc(url, { era, token: value, method: 'tools/list' })).status).toBe(200);
  });

  test('is one for all tenants of a path', async () => {
    const tenancy = { from: 'path', prefix: '/t/', toUserId: 'key' } as const;
    const { origin, resource } = await startNotes({ tenancy });
    const answer = await rpc(`${origin}/t/acme/mcp`, { era: '2026-07-28', method: 'tools/list' });
    expect(parseChallenge(answer).parameters['resource_metadata']).toBe(`${origin}${WELL_KNOWN}/mcp`);
    expect((await raw(`${origin}${WELL_KNOWN}/mcp`)).json?.['resource']).toBe(resource);
  });
});

describe('[resource-server/9] several servers', () => {
  const startTwo = () =>
    startGate({
      publicUrl: PUBLIC,
      servers: {
        notes: { factory: notesFactory(createRuns()) },
        files: { factory: notesFactoryV1(createRuns()) },
      },
      authorization: {
        tools: { 'notes/write': { scopes: ['notes:write'] }, 'files/write': { scopes: ['files:write'] } },
      },
    });

  test('have a document and a challenge each', async () => {
    const { origin } = await startTwo();
    for (const name of ['notes', 'files']) {
      const { json } = await raw(`${origin}${WELL_KNOWN}/mcp/${name}`);
      expect(json).toMatchObject({
        resource: `${PUBLIC}/mcp/${name}`,
        resource_name: name,
        scopes_supported: [`${name}:write`],
      });
      const { parameters } = parseChallenge(
        await rpc(`${origin}/mcp/${name}`, { era: '2026-07-28', method: 'tools/list' }),
      );
      expect(parameters).toEqual({
        scope: `${name}:write`,
        resource_metadata: `${PUBLIC}${WELL_KNOWN}/mcp/${name}`,
      });
    }
  });

  test.each(['', '/mcp'])('leave no document for any other path: %s', async (path) => {
    const { origin } = await startTwo();
    expect((await raw(`${origin}${WELL_KNOWN}${path}`)).status).toBe(404);
  });
});
