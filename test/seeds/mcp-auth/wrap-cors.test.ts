import { describe, expect, it } from 'vitest';
import { type HeaderPairs, raw, rpc } from '../../support/wire.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

const APP = 'https://app.example.com';
const OTHER = 'https://other.example.com';

const preflight = (url: string, origin: string, headers: HeaderPairs = []) =>
  raw(url, {
    method: 'OPTIONS',
    headers: [['origin', origin], ['access-control-request-method', 'POST'], ...headers],
  });

const namesIn = (value: unknown): readonly string[] =>
  String(value)
    .split(', ')
    .map((name) => name.toLowerCase());

describe('[mcp-auth/wrap.cors] cross-origin requests', () => {
  it('are refused by default, preflight and all', async () => {
    const { url, journal } = await startWrapped();
    const token = await signToken('alice');
    expect((await preflight(url, APP)).status).toBe(403);
    const answer = await rpc(url, {
      era: '2025-11-25',
      method: 'tools/list',
      token,
      headers: [['origin', APP]],
    });
    expect(answer.status).toBe(403);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    expect(journal.built).toEqual([]);
  });

  it.each<[string, string | readonly string[]]>([
    ['a text', APP],
    ['a list', ['https://first.example.com', APP]],
  ])('are allowed for the origins named as %s, and for no others', async (_name, corsOrigin) => {
    const { url } = await startWrapped({ transport: { cors: true, corsOrigin } });
    const token = await signToken('alice');
    const call = { era: '2025-11-25', method: 'tools/list', token } as const;
    const allowed = await rpc(url, { ...call, headers: [['origin', APP]] });
    expect(allowed.status).toBe(200);
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': APP,
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    });
    for (const origin of [OTHER, 'https://app.example.com.evil.example', 'http://app.example.com', 'null']) {
      const refused = await rpc(url, { ...call, headers: [['origin', origin]] });
      expect(refused.status).toBe(403);
      expect(refused.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('are allowed for any origin where NODE_ENV is development or test, each by its own name', async () => {
    const { url } = await startWrapped({ transport: { cors: true, corsOrigin: '*' } });
    const answer = await rpc(url, {
      era: '2025-11-25',
      method: 'tools/list',
      token: await signToken('alice'),
      headers: [['origin', OTHER]],
    });
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toBe(OTHER);
  });

  it('without an Origin header, from programs, go on as before', async () => {
    const { url } = await startWrapped({ transport: { cors: true, corsOrigin: APP } });
    const answer = await rpc(url, {
      era: '2025-11-25',
      method: 'tools/list',
      token: await signToken('alice'),
    });
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('[mcp-auth/endpoint.cors] a CORS answer', () => {
  const transport = { cors: true, corsOrigin: APP, corsAllowedHeaders: ['X-Workspace', 'X-Trace'] };

  it('to a preflight names methods, headers and age, and needs no credential', async () => {
    const { url } = await startWrapped({ transport });
    for (const path of ['', '/message', '/progress/stats']) {
      const answer = await preflight(`${url}${path}`, APP);
      expect(answer.status).toBe(204);
      expect(answer.headers['access-control-allow-origin']).toBe(APP);
      expect(answer.headers['access-control-allow-credentials']).toBe('true');
      expect(namesIn(answer.headers['access-control-allow-methods'])).toEqual([
        'get',
        'post',
        'delete',
        'options',
      ]);
      expect(answer.headers['access-control-max-age']).toBe('86400');
      expect(namesIn(answer.headers['access-control-allow-headers']).toSorted()).toEqual(
        [
          'content-type',
          'authorization',
          'x-request-id',
          'mcp-session-id',
          'mcp-protocol-version',
          'mcp-method',
          'mcp-name',
          'last-event-id',
          'dpop',
          'x-api-key',
          'x-session-id',
          'x-workspace',
          'x-trace',
        ].toSorted(),
      );
    }
  });

  it('echoes the Mcp-Param headers that are asked for, and nothing else', async () => {
    const { url } = await startWrapped({ transport });
    const asked = 'mcp-param-region, Mcp-Param-Tenant, x-user-id, cookie, mcp-param-a\u0009b';
    const answer = await preflight(url, APP, [['access-control-request-headers', asked]]);
    const allowed = namesIn(answer.headers['access-control-allow-headers']);
    expect(allowed).toEqual(expect.arrayContaining(['mcp-param-region', 'mcp-param-tenant']));
    expect(allowed.filter((name) => name.startsWith('mcp-param-'))).toHaveLength(2);
    expect(allowed).not.toContain('x-user-id');
    expect(allowed).not.toContain('cookie');
  });

  it.each([200, 401])('exposes what clients read, also on a %i', async (status) => {
    const { url } = await startWrapped({ transport });
    const token = status === 200 ? await signToken('alice') : undefined;
    const answer = await rpc(url, {
      era: '2025-11-25',
      method: 'tools/list',
      token,
      headers: [['origin', APP]],
    });
    expect(answer.status).toBe(status);
    expect(answer.headers['access-control-allow-origin']).toBe(APP);
    expect(namesIn(answer.headers['access-control-expose-headers']).toSorted()).toEqual(
      [
        'x-request-id',
        'mcp-session-id',
        'www-authenticate',
        'retry-after',
        'ratelimit',
        'ratelimit-policy',
        'dpop-nonce',
      ].toSorted(),
    );
  });
});
