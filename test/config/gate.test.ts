import { describe, expect, onTestFinished, test } from 'vitest';
import { toNode } from '../../src/adapters/node.ts';
import type { AuthProvider } from '../../src/authn/auth-provider.ts';
import { ConfigurationError } from '../../src/core/errors.ts';
import { createPrincipal } from '../../src/core/principal.ts';
import { createGate } from '../../src/gate.ts';
import { createLocalIssuer, type LocalIssuer } from '../../src/testing/local-issuer.ts';
import { parseChallenge } from '../support/challenge.ts';
import { freePort, type Harness, jwtOf, startGate } from '../support/gate-harness.ts';
import { notesFactory } from '../support/notes-server.ts';
import { exchangeBytes, toBytes } from '../support/raw-socket.ts';
import { type HeaderPairs, raw, type RawResponse, rpc } from '../support/wire.ts';
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

async function issuerFor(): Promise<LocalIssuer> {
  const issuer = await createLocalIssuer();
  onTestFinished(() => issuer.close());
  return issuer;
}

describe('[config/servers-resource]', () => {
  test('one server is served at the path listened on, several below it, each as a resource of its own', async () => {
    const one = await startGate({ servers: NOTES });
    expect(one.gate.servers).toEqual([{ name: 'notes', path: '/mcp', resource: `${one.origin}/mcp` }]);

    const two = await startGate({ servers: { notes: { factory: notesFactory() }, other: { factory: notesFactory() } } });
    expect(two.gate.servers).toEqual([
      { name: 'notes', path: '/mcp/notes', resource: `${two.origin}/mcp/notes` },
      { name: 'other', path: '/mcp/other', resource: `${two.origin}/mcp/other` },
    ]);
    expect(await whoami(`${two.origin}/mcp`, await two.token())).toMatchObject({ status: 404 });
  });

  test('a token for one server is nothing to the other', async () => {
    const { origin, token } = await startGate({
      servers: { notes: { factory: notesFactory() }, other: { factory: notesFactory() } },
    });
    const forNotes = await token({ audience: `${origin}/mcp/notes` });
    const forBoth = await token({ audience: [`${origin}/mcp/notes`, `${origin}/mcp/other`] });
    const forBase = await token({ audience: `${origin}/mcp` });
    expect(await whoami(`${origin}/mcp/notes`, forNotes)).toMatchObject({ status: 200 });
    expect(await whoami(`${origin}/mcp/other`, forNotes)).toMatchObject({ status: 401, json: { code: 'INVALID_TOKEN' } });
    expect(await whoami(`${origin}/mcp/other`, forBoth)).toMatchObject({ status: 200 });
    expect(await whoami(`${origin}/mcp/notes`, forBase)).toMatchObject({ status: 401 });
  });

  test('each has its own metadata, and its challenges point there', async () => {
    const harness = await startGate({
      servers: { notes: { factory: notesFactory() }, other: { factory: notesFactory() } },
    });
    const { origin, issuer } = harness;
    for (const path of ['/mcp/notes', '/mcp/other']) {
      const resource = `${origin}${path}`;
      expect(await metadataOf(harness, path)).toMatchObject({
        status: 200,
        json: { resource, authorization_servers: [issuer.issuer] },
      });
      expect(parseChallenge(await whoami(resource)).parameters).toMatchObject({
        resource_metadata: `${origin}/.well-known/oauth-protected-resource${path}`,
      });
    }
    // It could be that of either.
    expect(await metadataOf(harness, '')).toMatchObject({ status: 404 });
  });

  test.each([
    ['/', '/', 'https://mcp.example.com/', ''],
    ['/v1/mcp', '/v1/mcp', 'https://mcp.example.com/v1/mcp', '/v1/mcp'],
  ])('the path %s', async (path, served, resource, metadata) => {
    const harness = await startGate({ servers: NOTES, publicUrl: 'https://mcp.example.com', listen: { path } });
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
    expect(await whoami(url, await token({ audience: `${origin}/mcp` }), forged)).toMatchObject({ status: 401 });
    expect(await whoami(url, await token({ audience: 'https://evil.example/mcp' }), forged)).toMatchObject({ status: 401 });
  });

  test('plain http is for loopback', async () => {
    const build = (publicUrl: string) => createGate({ publicUrl, servers: NOTES, auth: [{ type: 'jwt', secret: SECRET }] });
    await expect(build('http://mcp.example.com')).rejects.toThrow(ConfigurationError);
    const gate = await build('http://localhost:3000');
    await gate.close();
  });
});

describe('[config/host-check]', () => {
  test.each(['127.0.0.1', '127.0.0.2', '::1'])('names of others are refused on %s', async (host) => {
    const name = host.includes(':') ? `[${host}]` : host;
    const port = await freePort();
    const issuer = await issuerFor();
    const listen = { host, port, allowedHosts: ['inner.example.com'] };
    const gate = await createGate({ publicUrl: 'https://mcp.example.com', listen, servers: NOTES, auth: [jwtOf(issuer)] });
    onTestFinished(() => gate.close());
    const { url } = await gate.listen();
    const token = await issuer.token({ subject: 'alice', audience: 'https://mcp.example.com/mcp' });
    const good = ['mcp.example.com', 'MCP.example.com:443', 'inner.example.com', 'localhost', 'localhost:1', `${name}:${port}`];
    for (const each of good) expect(await whoami(url, token, [['host', each]])).toMatchObject({ status: 200 });
    const bad = ['evil.example', 'evil.example:3000', 'mcp.example.com.evil.example', 'localhost.evil.example', '10.0.0.1', '', 'a b'];
    for (const each of bad) {
      expect(await whoami(url, token, [['host', each]])).toMatchObject({ status: 403, json: { code: 'HOST_NOT_ALLOWED' } });
    }
  });

  test.each([
    ['none', ['GET /mcp/health HTTP/1.0'], [403]],
    ['none, in HTTP/1.1', ['GET /mcp/health HTTP/1.1', 'Connection: close'], [400, 403]],
    ['two', ['GET /mcp/health HTTP/1.1', 'Host: 127.0.0.1', 'Host: evil.example'], [400, 403]],
    ['another in the target', ['GET http://evil.example/mcp/health HTTP/1.1', 'Host: 127.0.0.1'], [400, 403, 404]],
  ])('is not evaded: %s', async (_name, lines, statuses) => {
    const { url } = await startGate({ servers: NOTES });
    expect(statuses).toContain((await exchangeBytes(url, toBytes(lines), { method: 'GET' })).status);
  });
});

describe('[config/no-as-no-metadata]', () => {
  test('with a shared secret alone there is neither a document nor a pointer to one', async () => {
    const harness = await startGate({ servers: NOTES, auth: [{ type: 'jwt', secret: SECRET }] });
    for (const path of ['', '/mcp']) expect(await metadataOf(harness, path)).toMatchObject({ status: 404 });
    for (const token of [undefined, 'nonsense']) {
      const answer = await whoami(harness.url, token);
      expect(answer.status).toBe(401);
      expect(parseChallenge(answer).parameters).not.toHaveProperty('resource_metadata');
    }
  });

  test('with an issuer there are both', async () => {
    const harness = await startGate({ servers: NOTES });
    for (const path of ['', '/mcp']) expect(await metadataOf(harness, path)).toMatchObject({ status: 200 });
    expect(parseChallenge(await whoami(harness.url)).parameters).toHaveProperty('resource_metadata');
  });

  test('an issuer is enough among several kinds', async () => {
    const auth = (issuer: LocalIssuer) => [jwtOf(issuer), { type: 'jwt', secret: SECRET }] as const;
    const harness = await startGate({ servers: NOTES, auth, tenancy: { toUserId: 'key' } });
    expect((await metadataOf(harness, '/mcp')).json).toMatchObject({ authorization_servers: [harness.issuer.issuer] });
  });
});

describe('[config/environment-over-http]', () => {
  const ambient: AuthProvider = { ambient: true, authenticate: async () => ({ authenticated: true, userId: 'me' }) };

  test.each([
    ['an entry', { type: 'environment', defaultUserId: 'me' } as const],
    ['a provider in code', ambient],
  ])('%s is refused at creation with a listener, and at use without one', async (_name, entry) => {
    await expect(createGate({ servers: NOTES, auth: [entry], listen: {} })).rejects.toThrow(ConfigurationError);

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

describe('[config/local-issuer]', () => {
  test.each(['0.0.0.0', '::', '10.0.0.1', 'mcp.example.com', ''])('does not listen on %j', async (host) => {
    await expect(createLocalIssuer({ host })).rejects.toThrow(ConfigurationError);
  });

  test('makes other keys each time', async () => {
    const [one, other] = [await issuerFor(), await issuerFor()];
    expect(await one.publicKeyPem()).not.toBe(await other.publicKeyPem());
  });

  test('is trusted only where it is configured, never beside another', async () => {
    const harness = await startGate({ servers: NOTES });
    const stranger = await issuerFor();
    const audience = harness.resource;
    const tokens = [
      await stranger.token({ subject: 'alice', audience }),
      await stranger.token({ subject: 'alice', audience, claims: { iss: harness.issuer.issuer } }),
      await stranger.token({ subject: 'alice', audience, claims: { iss: undefined } }),
    ];
    for (const token of tokens) expect(await whoami(harness.url, token)).toMatchObject({ status: 401 });
    // Its keys were not even looked at.
    expect(stranger.requests.total).toBe(0);
    expect(await whoami(harness.url, await harness.token())).toMatchObject({ status: 200 });
  });
});

describe('[config/auth-chain]', () => {
  test('each issuer’s tokens are judged by its own keys, and nobody else’s', async () => {
    const [one, other] = [await issuerFor(), await issuerFor()];
    const { url, resource } = await startGate({
      servers: NOTES,
      auth: [jwtOf(one), jwtOf(other)],
      tenancy: { toUserId: 'subject' },
    });
    for (const issuer of [one, other]) {
      expect(await whoami(url, await issuer.token({ subject: 'alice', audience: resource }))).toMatchObject({ status: 200 });
    }
    const claims = { iss: one.issuer };
    const forged = await other.token({ subject: 'alice', audience: resource, claims });
    expect(await whoami(url, forged)).toMatchObject({ status: 401 });
  });

  test.each([
    ['absent', 200, 2],
    ['invalid', 401, 1],
    ['unavailable', 503, 1],
  ] as const)('%s of the first provider gives %i', async (reason, status, asked) => {
    let count = 0;
    const first: AuthProvider = {
      authenticate: async () => {
        count += 1;
        return { authenticated: false, reason };
      },
    };
    const second: AuthProvider = {
      authenticate: async () => {
        count += 1;
        return { authenticated: true, principal: createPrincipal({ issuer: 'urn:test', subject: 'second' }) };
      },
    };
    const { url } = await startGate({ servers: NOTES, auth: [first, second], tenancy: { toUserId: 'subject' } });
    expect((await whoami(url, 'something')).status).toBe(status);
    expect(count).toBe(asked);
  });
});
