import { describe, expect, onTestFinished, test } from 'vitest';
import { toNode } from '../../src/adapters/node.ts';
import type { AuthProvider } from '../../src/authn/auth-provider.ts';
import { ConfigurationError } from '../../src/core/errors.ts';
import { createGate } from '../../src/gate.ts';
import { createLocalIssuer } from '../../src/testing/local-issuer.ts';
import { parseChallenge } from '../support/challenge.ts';
import { freePort, type Harness, jwtOf, startGate } from '../support/gate-harness.ts';
import { notesFactory } from '../support/notes-server.ts';
import { exchangeBytes, toBytes } from '../support/raw-socket.ts';
import { type HeaderPairs, type RawResponse, raw, rpc } from '../support/wire.ts';
import { SECRET } from './fixtures/options.ts';

const WHOAMI = { era: '2025-11-25', method: 'tools/call', params: { name: 'whoami' } } as const;
const NOTES = { notes: { factory: notesFactory() } };

function whoami(url: string, token?: string, headers: HeaderPairs = []): Promise<RawResponse> {
  return rpc(url, { ...WHOAMI, token, headers });
}

function get(url: string, headers: HeaderPairs = []): Promise<RawResponse> {
  return raw(url, { headers });
}

function metadataOf({ origin }: Pick<Harness, 'origin'>, path: string): Promise<RawResponse> {
  return get(`${origin}/.well-known/oauth-protected-resource${path}`);
}

describe('[config/servers-resource]', () => {
  test('a token for one server is nothing to the other', async () => {
    const { origin, token } = await startGate({
      servers: { notes: { factory: notesFactory() }, other: { factory: notesFactory() } },
    });
    const forNotes = await token({ audience: `${origin}/mcp/notes` });
    const forBoth = await token({ audience: [`${origin}/mcp/notes`, `${origin}/mcp/other`] });
    const forBase = await token({ audience: `${origin}/mcp` });
    expect(await whoami(`${origin}/mcp/notes`, forNotes)).toMatchObject({ status: 200 });
    expect(await whoami(`${origin}/mcp/other`, forNotes)).toMatchObject({
      status: 401,
      json: { code: 'INVALID_TOKEN' },
    });
    expect(await whoami(`${origin}/mcp/other`, forBoth)).toMatchObject({ status: 200 });
    expect(await whoami(`${origin}/mcp/notes`, forBase)).toMatchObject({ status: 401 });
  });

  test.each([
    ['/', '/', 'https://mcp.example.com/', ''],
    ['/v1/mcp', '/v1/mcp', 'https://mcp.example.com/v1/mcp', '/v1/mcp'],
  ])('the path %s', async (path, served, resource, metadata) => {
    const harness = await startGate({
      servers: NOTES,
      publicUrl: 'https://mcp.example.com',
      listen: { path },
    });
    expect(harness.gate.servers).toEqual([{ name: 'notes', path: served, resource }]);
    expect(await whoami(harness.url, await harness.token())).toMatchObject({ status: 200 });
    expect(await metadataOf(harness, metadata)).toMatchObject({ status: 200, json: { resource } });
  });
});

describe('[config/public-url]', () => {
  const forged: HeaderPairs = [
    ['x-forwarded-host', 'evil.example'],
    ['x-forwarded-proto', 'https'],
    ['forwarded', 'host=evil.example;proto=https'],
    ['x-original-url', '/evil'],
    ['x-forwarded-prefix', '/evil'],
  ];

  test.each([['127.0.0.1'], ['127.0.0.1:1'], ['localhost'], ['mcp.example.com'], ['mcp.example.com:8443']])(
    'what the gate says of itself does not depend on the request: Host %s',
    async (host) => {
      const harness = await startGate({ servers: NOTES, publicUrl: 'https://mcp.example.com' });
      const headers = [['host', host], ...forged] as const;
      const answer = await whoami(harness.url, undefined, headers);
      expect(answer.status).toBe(401);
      expect(parseChallenge(answer).parameters).toEqual({
        resource_metadata: 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
      });
      const document = await get(`${harness.origin}/.well-known/oauth-protected-resource/mcp`, headers);
      expect(document.json).toMatchObject({ resource: 'https://mcp.example.com/mcp' });
      expect(answer.text + document.text + JSON.stringify(answer.headers)).not.toContain('evil');
    },
  );

  test('tokens are for the public URL, whatever address they are sent to', async () => {
    const { url, origin, token } = await startGate({ servers: NOTES, publicUrl: 'https://mcp.example.com/' });
    expect(await whoami(url, await token())).toMatchObject({ status: 200 });
    expect(await whoami(url, await token({ audience: `${origin}/mcp` }), forged)).toMatchObject({
      status: 401,
    });
    expect(await whoami(url, await token({ audience: 'https://evil.example/mcp' }), forged)).toMatchObject({
      status: 401,
    });
  });

  test('plain http is for loopback', async () => {
    const build = (publicUrl: string) =>
      createGate({ publicUrl, servers: NOTES, auth: [{ type: 'jwt', secret: SECRET }] });
    await expect(build('http://mcp.example.com')).rejects.toThrow(ConfigurationError);
    const gate = await build('http://localhost:3000');
    await gate.close();
  });
});

describe('[config/host-check]', () => {
  test.each(['127.0.0.1', '127.0.0.2', '::1'])('names of others are refused on %s', async (host) => {
    const name = host.includes(':') ? `[${host}]` : host;
    const port = await freePort();
    const issuer = await createLocalIssuer();
    onTestFinished(() => issuer.close());
    const listen = { host, port, allowedHosts: ['inner.example.com'] };
    const gate = await createGate({
      publicUrl: 'https://mcp.example.com',
      listen,
      servers: NOTES,
      auth: [jwtOf(issuer)],
    });
    onTestFinished(() => gate.close());
    const { url } = await gate.listen();
    const token = await issuer.token({ subject: 'alice', audience: 'https://mcp.example.com/mcp' });
    const good = [
      'mcp.example.com',
      'MCP.example.com:443',
      'inner.example.com',
      'localhost',
      'localhost:1',
      `${name}:${port}`,
    ];
    for (const each of good)
      expect(await whoami(url, token, [['host', each]])).toMatchObject({ status: 200 });
    const bad = [
      'evil.example',
      'evil.example:3000',
      'mcp.example.com.evil.example',
      'localhost.evil.example',
      '10.0.0.1',
      '',
      'a b',
    ];
    for (const each of bad) {
      expect(await whoami(url, token, [['host', each]])).toMatchObject({
        status: 403,
        json: { code: 'HOST_NOT_ALLOWED' },
      });
    }
  });

  test.each([
    ['none', ['GET /mcp/health HTTP/1.0'], [403]],
    ['none, in HTTP/1.1', ['GET /mcp/health HTTP/1.1', 'Connection: close'], [400, 403]],
    ['two', ['GET /mcp/health HTTP/1.1', 'Host: 127.0.0.1', 'Host: evil.example'], [400, 403]],
    [
      'another in the target',
      ['GET http://evil.example/mcp/health HTTP/1.1', 'Host: 127.0.0.1'],
      [400, 403, 404],
    ],
  ])('is not evaded: %s', async (_name, lines, statuses) => {
    const { url } = await startGate({ servers: NOTES });
    expect(statuses).toContain((await exchangeBytes(url, toBytes(lines), { method: 'GET' })).status);
  });
});

describe('[config/environment-over-http]', () => {
  const ambient: AuthProvider = {
    ambient: true,
    authenticate: async () => ({ authenticated: true, userId: 'me' }),
  };

  test.each([
    ['an entry', { type: 'environment', defaultUserId: 'me' } as const],
    ['a provider in code', ambient],
  ])('%s is refused at creation with a listener, and at use without one', async (_name, entry) => {
    await expect(createGate({ servers: NOTES, auth: [entry], listen: {} })).rejects.toThrow(
      ConfigurationError,
    );

    const gate = await createGate({ servers: NOTES, auth: [entry] });
    onTestFinished(() => gate.close());
    const request = new Request('http://127.0.0.1:3000/mcp', { method: 'POST' });
    await expect(gate.listen()).rejects.toThrow(ConfigurationError);
    await expect(gate.fetch(request)).rejects.toThrow(ConfigurationError);
    expect(() => toNode(gate)).toThrow(ConfigurationError);
  });

  test('on loopback it can be allowed, and then signs everybody in as that user', async () => {
    const entry = { type: 'environment', defaultUserId: 'me', dangerouslyAllowEnvOverHttp: true } as const;
    const { url } = await startGate({ servers: NOTES, auth: [entry] });
    expect(await whoami(url)).toMatchObject({ status: 200, json: { result: { content: [{ text: 'me' }] } } });
    // A credential that nobody knows is still not the same as none.
    expect(await whoami(url, 'somebody')).toMatchObject({ status: 401 });
  });
});
