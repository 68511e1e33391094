import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHostileIssuer, type HostileIssuer } from '../testing/hostile-issuer.ts';
import { createDiscovery, metadataUrls } from './discovery.ts';
import type { Fetch } from './json-fetch.ts';
import { isDiscoverableIssuer } from './key-url.ts';

const UNAVAILABLE = { code: 'AUTHENTICATION_UNAVAILABLE' };
const signal = new AbortController().signal;

let hostile: HostileIssuer;

beforeEach(async () => {
  hostile = await createHostileIssuer();
});
afterEach(() => hostile.close());

/** An origin that serves these documents by URL, and 404 for the rest. */
function fakeFetch(documents: Readonly<Record<string, unknown>>): Fetch {
  return (input) => {
    const document = documents[typeof input === 'string' ? input : ''];
    return Promise.resolve(Response.json(document ?? {}, { status: document === undefined ? 404 : 200 }));
  };
}

function locate(issuer: string, documents: Readonly<Record<string, unknown>>): Promise<string> {
  return createDiscovery({ issuer, fetch: fakeFetch(documents), now: Date.now }).locate(signal);
}

describe('the metadata of an issuer', () => {
  it('is where RFC 8414 and OpenID Connect put it', () => {
    expect(metadataUrls('https://a.example')).toEqual([
      'https://a.example/.well-known/oauth-authorization-server',
      'https://a.example/.well-known/openid-configuration',
    ]);
    expect(metadataUrls('https://a.example/t/1/')).toEqual([
      'https://a.example/.well-known/oauth-authorization-server/t/1',
      'https://a.example/t/1/.well-known/openid-configuration',
    ]);
  });

  it('is asked of OAuth first and of OpenID Connect next', async () => {
    const issuer = 'https://a.example';
    const oauth = { issuer, jwks_uri: 'https://a.example/oauth' };
    const openid = { issuer, jwks_uri: 'https://a.example/openid' };
    const [first = '', second = ''] = metadataUrls(issuer);
    expect(await locate(issuer, { [first]: oauth, [second]: openid })).toBe(oauth.jwks_uri);
    expect(await locate(issuer, { [second]: openid })).toBe(openid.jwks_uri);
    expect(await locate(issuer, { [first]: { issuer: 'https://b.example' }, [second]: openid })).toBe(
      openid.jwks_uri,
    );
  });

  it.each([
    ['another issuer', { issuer: 'https://b.example', jwks_uri: 'https://a.example/jwks' }],
    ['the issuer with a slash more', { issuer: 'https://a.example/', jwks_uri: 'https://a.example/jwks' }],
    ['no issuer', { jwks_uri: 'https://a.example/jwks' }],
    ['no jwks_uri', { issuer: 'https://a.example' }],
    ['a jwks_uri in the clear', { issuer: 'https://a.example', jwks_uri: 'http://a.example/jwks' }],
    ['a jwks_uri on our own machine', { issuer: 'https://a.example', jwks_uri: 'http://127.0.0.1/jwks' }],
    ['a jwks_uri that is no URL', { issuer: 'https://a.example', jwks_uri: '/jwks' }],
    ['a jwks_uri that is a file', { issuer: 'https://a.example', jwks_uri: 'file:///keys' }],
    ['a list', []],
    ['text', 'jwks'],
  ])('with %s is not believed', async (_, document) => {
    const documents = Object.fromEntries(metadataUrls('https://a.example').map((url) => [url, document]));
    await expect(locate('https://a.example', documents)).rejects.toMatchObject(UNAVAILABLE);
  });

  it.each(['wrong-issuer', 'foreign-jwks-uri', 'not-json', 'redirect', 'down', 'huge'] as const)(
    'of an issuer that is hostile (%s) is not believed',
    async (behaviour) => {
      hostile.behaviour = behaviour;
      const discovery = createDiscovery({ issuer: hostile.issuer, fetch, now: Date.now });
      await expect(discovery.locate(signal)).rejects.toMatchObject(UNAVAILABLE);
      expect(hostile.redirectsFollowed).toBe(0);
    },
  );

  it('is kept for an hour, or until it turns out to be no good', async () => {
    let time = 0;
    const discovery = createDiscovery({ issuer: hostile.issuer, fetch, now: () => time });
    expect(await discovery.locate(signal)).toBe(hostile.jwksUri);
    time = 3_599_999;
    await discovery.locate(signal);
    expect(hostile.requests.metadata).toBe(1);
    time = 3_600_000;
    await discovery.locate(signal);
    expect(hostile.requests.metadata).toBe(2);
    discovery.forget();
    await discovery.locate(signal);
    expect(hostile.requests.metadata).toBe(3);
  });
});

describe('an issuer that can be asked', () => {
  it.each([
    ['https://a.example', true],
    ['https://a.example/tenant/', true],
    ['http://localhost:3000', true],
    ['http://127.0.0.1:3000/x', true],
    ['http://[::1]:3000', true],
    ['http://a.example', false],
    ['http://localhost.example', false],
    ['https://a.example/?x=1', false],
    ['https://a.example/?', false],
    ['https://a.example/#x', false],
    ['https://user:pass@a.example', false],
    ['ftp://a.example', false],
    ['a.example', false],
    ['', false],
  ])('%s: %s', (issuer, expected) => {
    expect(isDiscoverableIssuer(issuer)).toBe(expected);
  });
});
