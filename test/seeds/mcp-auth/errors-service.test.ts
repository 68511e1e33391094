import { describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  type MCPServerFactory,
  RateLimitError,
  ServerPoolError,
  TransportError,
  ValidationError,
  wrapServer,
} from '../../../src/index.ts';
import { type Call, ERAS, headersOf, INITIALIZE, raw, rpc } from '../../support/wire.ts';
import { connect } from './support/clients.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped, wrapConfig } from './support/wrapped.ts';

const call = async (era: Call['era'], subject = 'alice'): Promise<Call> => ({
  era,
  method: 'tools/call',
  params: { name: 'whoami' },
  token: await signToken(subject),
});

describe('[mcp-auth/error.CONFIGURATION_ERROR] ConfigurationError', () => {
  it('lists every problem, in its text too', () => {
    const error = new ConfigurationError(['a: is missing', 'b: is too large']);
    expect(error).toMatchObject({ name: 'ConfigurationError', code: 'CONFIGURATION_ERROR', status: 500 });
    expect(error.problems).toEqual(['a: is missing', 'b: is too large']);
    expect(error.message).toBe('a: is missing\nb: is too large');
  });

  it('is thrown at construction, before anything listens', () => {
    const config = wrapConfig({ resourceType: 'not valid', transport: { port: -1 } });
    expect(() => wrapServer(config)).toThrow(ConfigurationError);
    expect(() => wrapServer(config)).toThrow(/resourceType.*\n.*transport\.port/);
  });
});

describe('[mcp-auth/error.RATE_LIMIT_EXCEEDED] RateLimitError', () => {
  it('is a 429 that says how many seconds to wait, also by its old name', () => {
    const error = new RateLimitError('Too many calls', 7);
    expect(error).toMatchObject({
      name: 'RateLimitError',
      code: 'RATE_LIMIT_EXCEEDED',
      status: 429,
      retryAfterSeconds: 7,
    });
    expect(error.retryAfter).toBe(7);
  });

  it.each(ERAS)('is a 429 with Retry-After on the wire (%s)', async (era) => {
    const { url } = await startWrapped({ middleware: { rateLimit: { maxRequests: 1, windowMs: 10_000 } } });
    await rpc(url, await call(era));
    const answer = await rpc(url, await call(era));
    expect(answer.status).toBe(429);
    expect(answer.json).toEqual({ error: expect.any(String), code: 'RATE_LIMIT_EXCEEDED' });
    expect(answer.headers['retry-after']).toBe('10');
    expect(answer.headers['www-authenticate']).toBeUndefined();
  });

  it('meets who guesses credentials, by address, and not who has a good one', async () => {
    const { url } = await startWrapped();
    const good = await call('2025-11-25');
    expect((await rpc(url, good)).status).toBe(200);
    const statuses: number[] = [];
    for (let count = 0; count < 25; count++)
      statuses.push((await rpc(url, { ...good, token: `guess-${count}` })).status);
    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
    expect((await rpc(url, good)).status).toBe(200);
  });
});

describe('[mcp-auth/error.SERVER_POOL_ERROR] ServerPoolError', () => {
  it('is a 503', () => {
    expect(new ServerPoolError('x')).toMatchObject({
      name: 'ServerPoolError',
      code: 'SERVER_POOL_ERROR',
      status: 503,
    });
  });

  // A protocol session has a server of its own and takes no place in the pool.
  it.each(['stateless', 'stateful'] as const)(
    'is a 503 on the wire where all instances stay in use (%s)',
    async (sessionMode) => {
      const told: unknown[] = [];
      const { url, journal } = await startWrapped({
        instanceMode: 'pooled',
        instancePool: { maxSize: 1, idleTimeout: 60_000, maxLifetime: 60_000 },
        sessionMode,
        onError: (error) => told.push(error),
      });
      const held = rpc(url, { ...(await call('2026-07-28')), params: { name: 'hold' } });
      await expect.poll(() => journal.ran).toEqual(['hold alice']);
      const token = await signToken('bob');
      const waiting = [
        rpc(url, await call('2026-07-28', 'bob')),
        rpc(url, { era: '2026-07-28', method: 'tools/list', token }),
        ...(sessionMode === 'stateless'
          ? [rpc(url, { era: '2025-11-25', method: 'initialize', params: INITIALIZE, token })]
          : []),
      ];
      for (const answer of await Promise.all(waiting)) {
        expect(answer.status).toBe(503);
        expect(answer.json).toEqual({ error: expect.any(String), code: 'SERVER_POOL_ERROR' });
        expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      }
      // Once each where a server was to be built; the gate's own list of tools is no failure of a server.
      expect(told).toHaveLength(sessionMode === 'stateless' ? 2 : 1);
      journal.release();
      expect((await held).status).toBe(200);
      expect((await rpc(url, await call('2026-07-28', 'bob'))).status).toBe(200);
    },
  );
});

describe('[mcp-auth/error.TRANSPORT_ERROR] TransportError', () => {
  it('is a 500', () => {
    expect(new TransportError('x')).toMatchObject({
      name: 'TransportError',
      code: 'TRANSPORT_ERROR',
      status: 500,
    });
  });

  const broken: readonly [string, MCPServerFactory][] = [
    [
      'cannot be reached',
      () =>
        Promise.reject(new TransportError('The server is out of reach', { detail: 'ECONNREFUSED 10.0.0.7' })),
    ],
    ['is none', () => ({ hello: 'world' }) as never],
  ];

  it.each(broken)('is a 500 on the wire where the server %s', async (_name, serverFactory) => {
    for (const sessionMode of ['stateless', 'stateful'] as const) {
      const told: unknown[] = [];
      const { url } = await startWrapped({
        serverFactory,
        sessionMode,
        onError: (error) => told.push(error),
      });
      const token = await signToken('alice');
      const answers = [
        await rpc(url, await call('2026-07-28')),
        await rpc(url, { era: '2026-07-28', method: 'tools/list', token }),
        await rpc(url, { era: '2025-11-25', method: 'initialize', params: INITIALIZE, token }),
      ];
      for (const answer of answers) {
        expect(answer.status).toBe(500);
        expect(answer.json).toEqual({ error: expect.any(String), code: 'TRANSPORT_ERROR' });
        expect(answer.text).not.toContain('10.0.0.7');
      }
      expect(told.length).toBeGreaterThanOrEqual(3);
    }
  });
});

describe('[mcp-auth/error.VALIDATION_ERROR] ValidationError', () => {
  it('is a 400', () => {
    expect(new ValidationError('x')).toMatchObject({
      name: 'ValidationError',
      code: 'VALIDATION_ERROR',
      status: 400,
    });
  });

  it('is a JSON-RPC error with the code in its data on the wire', async () => {
    const { url } = await startWrapped();
    const headers = headersOf({ era: '2025-11-25', method: 'tools/list', token: await signToken('alice') });
    const answer = await raw(url, { method: 'POST', headers, body: '{"jsonrpc":"1.0"}' });
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: { code: -32600, message: expect.any(String), data: { code: 'VALIDATION_ERROR' } },
    });
  });
});

describe('an internal error', () => {
  it.each(ERAS)('of a factory tells the caller nothing, and onError everything (%s)', async (era) => {
    const failure = new Error('upstream secret 12345');
    for (const method of ['tools/list', 'tools/call']) {
      const told: unknown[] = [];
      const serverFactory = () => Promise.reject(failure);
      const { url } = await startWrapped({ serverFactory, onError: (error) => told.push(error) });
      const answer = await rpc(url, { ...(await call(era)), method });
      expect(answer.status).toBe(500);
      expect(answer.text).not.toContain('12345');
      expect(told).toEqual([failure]);
    }
  });

  it('of a tool is a result that the client’s model sees', async () => {
    const { url } = await startWrapped();
    const client = await connect('v2 auto', url, await signToken('alice'));
    await expect(client.call('no-such-tool')).rejects.toThrow('Unknown tool: no-such-tool');
  });
});
