import { describe, expect, it } from 'vitest';
import { createCors } from './cors.ts';
import { fromWebRequest } from './inbound-request.ts';
import { createOriginRules } from './origin.ts';

const APP = 'https://app.example.com';
const RULES = createOriginRules({
  publicUrl: 'https://mcp.example.com',
  allowedHosts: [],
  allowedOrigins: [APP],
});

function requestOf(method: string, headers: Readonly<Record<string, string | string[]>>) {
  return { ...fromWebRequest(new Request('https://mcp.example.com/mcp')), method, headers };
}

function preflight(headers: Readonly<Record<string, string>>, cors = createCors(RULES)) {
  const asked = { 'access-control-request-method': 'POST', ...headers };
  return cors.preflight(requestOf('OPTIONS', asked)) ?? expect.fail('no preflight');
}

describe('preflight', () => {
  it('tells an allowed page what it may send', () => {
    const { status, headers } = preflight({ origin: APP });
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(APP);
    expect(headers.get('access-control-allow-methods')).toBe('GET, POST, DELETE, OPTIONS');
    const allowed = headers.get('access-control-allow-headers')?.split(', ');
    expect(allowed).toEqual(
      expect.arrayContaining(['Authorization', 'Content-Type', 'Mcp-Session-Id', 'Mcp-Method', 'DPoP']),
    );
    expect(allowed).not.toContain('*');
  });

  it('adds the headers of the operator, and those of tool parameters that are asked for', () => {
    const asked = 'authorization, Mcp-Param-Region, x-evil, mcp-param-, mcp-param-a\u0001b';
    const cors = createCors(RULES, ['X-Custom']);
    const { headers } = preflight({ origin: APP, 'access-control-request-headers': asked }, cors);
    const allowed = headers.get('access-control-allow-headers')?.split(', ') ?? [];
    expect(allowed.slice(-2)).toEqual(['X-Custom', 'Mcp-Param-Region']);
  });

  it('echoes a bounded number of names', () => {
    const asked = Array.from({ length: 1000 }, (_, index) => `mcp-param-${index}`).join(',');
    const { headers } = preflight({ origin: APP, 'access-control-request-headers': asked });
    expect(headers.get('access-control-allow-headers')?.match(/mcp-param-/g)).toHaveLength(64);
  });

  it.each(['https://evil.example', 'null', `${APP}.evil.example`, ''])(
    'gives nothing to a page of %j',
    (origin) => {
      expect([...preflight({ origin }).headers.keys()]).toEqual([]);
    },
  );

  it('is only an OPTIONS request that says what it prepares', () => {
    const cors = createCors(RULES);
    expect(cors.preflight(requestOf('OPTIONS', { origin: APP }))).toBeUndefined();
    expect(
      cors.preflight(requestOf('POST', { origin: APP, 'access-control-request-method': 'POST' })),
    ).toBeUndefined();
  });
});

describe('headersFor', () => {
  it('lets an allowed page read answers, and tells caches that they differ', () => {
    const headers = Object.fromEntries(createCors(RULES).headersFor(requestOf('POST', { origin: APP })));
    expect(headers).toMatchObject({ 'access-control-allow-origin': APP, vary: 'Origin' });
    expect(headers['access-control-expose-headers']).toContain('WWW-Authenticate');
  });

  it.each<[string, Readonly<Record<string, string | string[]>>]>([
    ['another page', { origin: 'https://evil.example' }],
    ['two origins', { origin: [APP, APP] }],
    ['no page', {}],
  ])('has nothing for %s', (_name, headers) => {
    expect(createCors(RULES).headersFor(requestOf('POST', headers))).toEqual([]);
  });
});
