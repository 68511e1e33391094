import { describe, expect, it } from 'vitest';
import type { MCPServerFactory, ResourceTokenResolver, TokenContext } from '../../../src/index.ts';
import { rpc } from '../../support/wire.ts';
import { CLIENTS, connect } from './support/clients.ts';
import { createJournal, FACTORIES, factoryOf } from './support/factories.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

const MATRIX = FACTORIES.flatMap((kind) => CLIENTS.map((client) => ({ kind, client })));

describe('[mcp-auth/shape.server-factory] a factory', () => {
  it.each(MATRIX)(
    'of a $kind is served to a $client client as (token, user)',
    async ({ kind, client: version }) => {
      const { url, journal } = await startWrapped({ kind });
      const client = await connect(version, url, await signToken('alice'));
      expect(await client.tools()).toEqual(['whoami', 'work', 'hold']);
      const { text } = await client.call('whoami');
      expect(JSON.parse(text)).toEqual({ userId: 'alice', token: 'upstream-of-alice' });
      // The same holds for what the gate and the handshake build: no factory ever sees another token.
      const wrong = journal.built.filter(
        ({ token, userId }) => token !== 'upstream-of-alice' || userId !== 'alice',
      );
      expect(wrong).toEqual([]);
    },
  );

  it('may answer later, and is told of the user alone if it asks for no more', async () => {
    const make = factoryOf('v1 Server');
    const serverFactory: MCPServerFactory = async (accessToken, userId) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return make(accessToken, userId, {
        principal: {} as never,
        query: {},
        headers: {},
        needs: () => true,
      });
    };
    const { url } = await startWrapped({ serverFactory });
    const client = await connect('v1', url, await signToken('bob'));
    expect(JSON.parse((await client.call('whoami')).text)).toEqual({
      userId: 'bob',
      token: 'upstream-of-bob',
    });
  });

  it('that fails, or answers with no server, is an internal error without its words, told to onError', async () => {
    const told: unknown[] = [];
    const failure = new Error('upstream secret 12345');
    const { url } = await startWrapped({
      serverFactory: () => {
        throw failure;
      },
      onError: (error) => told.push(error),
    });
    const answer = await rpc(url, {
      era: '2025-11-25',
      method: 'tools/list',
      token: await signToken('alice'),
    });
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('12345');
    expect(told).toContain(failure);
  });
});

describe('[mcp-auth/shape.token-resolver] a token resolver', () => {
  it('is any object with resolveToken, asked with user, resource type and context', async () => {
    const asked: { userId: string; resourceType: string; context: TokenContext | undefined }[] = [];
    const steps: string[] = [];
    const tokenResolver: ResourceTokenResolver = {
      initialize: async () => void steps.push('initialize'),
      resolveToken: async (userId, resourceType, context) => {
        asked.push({ userId, resourceType, context });
        return 'upstream';
      },
      cleanup: async () => void steps.push('cleanup'),
    };
    const { server, url } = await startWrapped({ tokenResolver, resourceType: ' My-API ' });
    await rpc(url, {
      era: '2025-11-25',
      method: 'tools/list',
      token: await signToken('alice'),
      headers: [['x-request-id', 'r1']],
    });
    expect(asked[0]).toMatchObject({ userId: 'alice', resourceType: 'my-api' });
    expect(asked[0]?.context).toMatchObject({
      transport: 'http',
      requestId: 'r1',
      principal: { subject: 'alice' },
    });
    await server.stop();
    expect(steps).toEqual(['initialize', 'cleanup']);
  });

  it('that answers null says that no account is linked: lists are served with an empty token, calls are refused', async () => {
    const journal = createJournal();
    const { url } = await startWrapped({
      serverFactory: factoryOf('v2 McpServer', journal),
      tokenResolver: { resolveToken: async () => null },
    });
    const client = await connect('v1', url, await signToken('alice'));
    expect(await client.tools()).toEqual(['whoami', 'work', 'hold']);
    expect((await client.call('whoami')).isError).toBe(true);
    expect(journal.built.every(({ token }) => token === '')).toBe(true);
    expect(journal.ran).toEqual([]);
  });
});
