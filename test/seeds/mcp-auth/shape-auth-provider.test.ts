import { describe, expect, it } from 'vitest';
import type { AuthProvider, AuthResult, RequestContext } from '../../../src/index.ts';
import { INITIALIZE, rpc } from '../../support/wire.ts';
import { connect } from './support/clients.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

/** A provider as users of the replaced package write them; it remembers what it was asked. */
class HeaderProvider implements AuthProvider {
  readonly asked: RequestContext[] = [];

  async authenticate(context: RequestContext): Promise<AuthResult> {
    this.asked.push(context);
    const apiKey = context.headers?.['x-api-key'];
    if (apiKey === undefined) return { authenticated: false, error: 'No API key' };
    return { authenticated: true, userId: `owner-of-${String(apiKey)}` };
  }
}

const call = { era: '2025-11-25', method: 'tools/call', params: { name: 'whoami' } } as const;

describe('[mcp-auth/shape.request-context] the request context', () => {
  it.each(['http', 'sse'] as const)(
    'over %s has the old fields, and headers by lower-case name',
    async (type) => {
      const authProvider = new HeaderProvider();
      const { url } = await startWrapped({ authProvider, transport: { type } });
      const before = Date.now();
      const headers = [
        ['X-Api-Key', 'k1'],
        ['X-Request-ID', 'req-1'],
        ['X-Mixed-Case', 'kept'],
        ['X-Twice', 'a'],
        ['x-twice', 'b'],
      ] as const;
      const answer = await rpc(`${url}?workspace=w1&tag=a&tag=b`, { ...call, headers });
      expect(answer.status).toBe(200);
      expect(answer.headers['x-request-id']).toBe('req-1');

      const [context] = authProvider.asked;
      expect(context?.transport).toBe(type);
      expect(context?.timestamp).toBeInstanceOf(Date);
      expect(context?.timestamp.getTime()).toBeGreaterThanOrEqual(before);
      expect(context?.requestId).toBe('req-1');
      expect(context?.query).toEqual({ workspace: 'w1', tag: ['a', 'b'] });
      expect(context?.headers?.['x-mixed-case']).toBe('kept');
      expect(context?.headers?.['x-twice']).toEqual(['a', 'b']);
      expect(Object.keys(context?.headers ?? {}).filter((name) => name !== name.toLowerCase())).toEqual([]);
      expect(context).toMatchObject({
        credential: { kind: 'apiKey' },
        path: '/mcp',
        host: '127.0.0.1',
        remoteAddress: '127.0.0.1',
        resource: 'http://localhost:0/mcp',
      });
      expect(context?.signal).toBeInstanceOf(AbortSignal);
    },
  );

  it('has a request id of its own where the client sends none, or one that could not stand in a log', async () => {
    const authProvider = new HeaderProvider();
    const { url } = await startWrapped({ authProvider });
    await rpc(url, { ...call, headers: [['x-api-key', 'k1']] });
    await rpc(url, {
      ...call,
      headers: [
        ['x-api-key', 'k1'],
        ['x-request-id', 'a b"c'],
      ],
    });
    const ids = authProvider.asked.map(({ requestId }) => requestId);
    expect(ids.every((id) => /^[0-9a-f-]{36}$/.test(id ?? ''))).toBe(true);
    expect(new Set(ids).size).toBe(2);
  });

  it('prints and serialises without the credential', async () => {
    const authProvider = new HeaderProvider();
    const { url } = await startWrapped({ authProvider });
    await rpc(url, { ...call, headers: [['authorization', 'Bearer very-secret-token']] });
    expect(JSON.stringify(authProvider.asked[0]?.credential)).toBe('{"kind":"bearer","token":"[redacted]"}');
  });
});

/** Answers whatever the test says. */
const answering = (result: AuthResult): AuthProvider => ({ authenticate: async () => result });

describe('[mcp-auth/shape.auth-result] an auth result', () => {
  it('may name the user by id alone', async () => {
    const { url } = await startWrapped({
      authProvider: answering({ authenticated: true, userId: 'alice', metadata: { a: 1 } }),
    });
    const client = await connect('v1', url, 'anything');
    expect(JSON.parse((await client.call('whoami')).text)).toMatchObject({ userId: 'alice' });
  });

  const bearer = [['authorization', 'Bearer something']] as const;

  it.each<[string, AuthResult, readonly (readonly [string, string])[], number, string]>([
    ['absent', { authenticated: false, reason: 'absent' }, [], 401, 'MISSING_CREDENTIALS'],
    [
      'no reason, nothing sent',
      { authenticated: false, error: 'No API key' },
      [],
      401,
      'MISSING_CREDENTIALS',
    ],
    ['no reason, something sent', { authenticated: false, error: 'Expired' }, bearer, 401, 'INVALID_TOKEN'],
    [
      'absent, though something was sent',
      { authenticated: false, reason: 'absent' },
      bearer,
      401,
      'INVALID_TOKEN',
    ],
    ['invalid', { authenticated: false, reason: 'invalid', error: 'Wrong' }, bearer, 401, 'INVALID_TOKEN'],
    [
      'unavailable',
      { authenticated: false, reason: 'unavailable' },
      bearer,
      503,
      'AUTHENTICATION_UNAVAILABLE',
    ],
    ['a yes that names nobody', { authenticated: true }, bearer, 503, 'AUTHENTICATION_UNAVAILABLE'],
    [
      'a yes that names the empty user',
      { authenticated: true, userId: '' },
      bearer,
      503,
      'AUTHENTICATION_UNAVAILABLE',
    ],
  ])('with %s: %j', async (_name, result, headers, status, code) => {
    const { url, journal } = await startWrapped({ authProvider: answering(result) });
    const answer = await rpc(url, { era: '2025-11-25', method: 'initialize', params: INITIALIZE, headers });
    expect({ status: answer.status, code: answer.json?.code }).toEqual({ status, code });
    expect(answer.headers['retry-after'] !== undefined).toBe(status === 503);
    expect(journal.built).toEqual([]);
  });

  it('shows the caller the error that the provider chose', async () => {
    const { url } = await startWrapped({
      authProvider: answering({ authenticated: false, reason: 'invalid', error: 'The account is locked' }),
    });
    const answer = await rpc(url, { ...call, headers: bearer });
    expect(answer.json).toEqual({ error: 'The account is locked', code: 'INVALID_TOKEN' });
  });
});

describe('[mcp-auth/shape.auth-provider] a provider', () => {
  it('is any object with authenticate; initialize and cleanup are called when there', async () => {
    const steps: string[] = [];
    const authProvider: AuthProvider = {
      initialize: async () => void steps.push('initialize'),
      authenticate: async () => {
        steps.push('authenticate');
        return { authenticated: true, userId: 'alice' };
      },
      cleanup: async () => void steps.push('cleanup'),
    };
    const { server, url } = await startWrapped({ authProvider });
    expect(steps).toEqual(['initialize']);
    await rpc(url, { ...call, token: 't' });
    await server.stop();
    expect(steps).toEqual(['initialize', 'authenticate', 'cleanup']);
    await server.start();
    await server.stop();
    expect(steps.slice(3)).toEqual(['initialize', 'cleanup']);
  });

  it('that cannot initialize keeps the server from starting, and is cleaned up', async () => {
    const steps: string[] = [];
    const authProvider: AuthProvider = {
      initialize: () => Promise.reject(new Error('no connection to the directory')),
      authenticate: async () => ({ authenticated: true, userId: 'alice' }),
      cleanup: async () => void steps.push('cleanup'),
    };
    await expect(startWrapped({ authProvider })).rejects.toThrow('no connection to the directory');
    expect(steps).not.toEqual([]);
  });

  it('may tell whether a token holds, without a request around it', async () => {
    const { JWTAuthProvider, createChain } = await import('../../../src/index.ts');
    const { JWT_SECRET } = await import('./support/tokens.ts');
    const chain = createChain([
      { authenticate: async () => ({ authenticated: false }) },
      new JWTAuthProvider({ jwtSecret: JWT_SECRET }),
    ]);
    expect(await chain.validate?.(await signToken('alice'))).toBe(true);
    expect(await chain.validate?.(await signToken('alice', {}, { secret: 'x'.repeat(40) }))).toBe(false);
  });
});
