import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import type { AccessRequest, FactoryExtras, MCPServerFactory } from '../../../src/index.ts';
import { ERAS, rpc } from '../../support/wire.ts';
import { CLIENTS, connect } from './support/clients.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

const HEADERS = [
  ['x-workspace', 'w1'],
  ['x-user-id', 'bob'],
  ['x-forwarded-user', 'bob'],
  ['x-request-id', 'req-1'],
] as const;

const last = (all: readonly { readonly extras: FactoryExtras }[]) => all.at(-1)?.extras;

describe('[mcp-auth/shape.extras] extras', () => {
  it.each(ERAS)(
    'hold query and allow-listed headers, principal, signal, request id and progress token (%s)',
    async (era) => {
      const { url, journal } = await startWrapped({ extraHeaders: ['X-Workspace'] });
      const params = { name: 'whoami', _meta: { progressToken: 0 } };
      const token = await signToken('alice', { scope: 'notes:read' });
      const answer = await rpc(`${url}?project=p1&x=1&x=2`, {
        era,
        method: 'tools/call',
        params,
        token,
        headers: HEADERS,
      });
      expect(answer.status).toBe(200);
      const extras = last(journal.built);
      expect(extras).toEqual({
        principal: expect.objectContaining({ subject: 'alice', scopes: ['notes:read'] }),
        requestId: 'req-1',
        progressToken: 0,
        signal: expect.any(AbortSignal),
        needs: expect.any(Function),
        query: { project: 'p1' },
        headers: { 'x-workspace': 'w1' },
      });
      expect(JSON.stringify(journal.built)).not.toContain(token);
    },
  );

  it('hold no header at all by default', async () => {
    const { url, journal } = await startWrapped();
    await rpc(url, {
      era: '2025-11-25',
      method: 'tools/list',
      token: await signToken('alice'),
      headers: HEADERS,
    });
    expect(last(journal.built)?.headers).toEqual({});
  });

  it('are abandoned with their request: the signal ends when the client goes away', async () => {
    const { url, journal } = await startWrapped();
    const gone = new AbortController();
    const client = await connect('v2 auto', url, await signToken('alice'));
    const call = client.call('hold', {}, { signal: gone.signal });
    await expect.poll(() => journal.ran).toEqual(['hold alice']);
    gone.abort();
    await expect(call).rejects.toThrow();
    await expect.poll(() => last(journal.built)?.signal?.aborted).toBe(true);
  });

  it('are visible to the authorizer, which can decide by them', async () => {
    const seen: AccessRequest[] = [];
    const { url, journal } = await startWrapped({
      extraHeaders: ['x-workspace'],
      authorization: {
        decide: (request) => {
          seen.push(request);
          const isOwn =
            request.context?.query?.['project'] === 'own' &&
            request.context.headers?.['x-workspace'] === 'w1';
          if (request.target.kind === 'server' || isOwn) return { effect: 'allow' };
          return { effect: 'deny', reason: 'policy', remedy: { kind: 'stepUp' } };
        },
      },
    });
    const call = {
      era: '2025-11-25',
      method: 'tools/call',
      params: { name: 'whoami' },
      headers: HEADERS,
    } as const;
    const token = await signToken('alice');
    expect((await rpc(`${url}?project=other`, { ...call, token })).status).toBe(403);
    expect(journal.ran).toEqual([]);
    expect((await rpc(`${url}?project=own`, { ...call, token })).status).toBe(200);
    expect(seen.some(({ context }) => context?.query?.['project'] === 'other')).toBe(true);
  });

  /** Other tools in each workspace. */
  const byWorkspace: MCPServerFactory = (_token, _userId, { query }) => {
    const server = new McpServer({ name: 'workspaces', version: '1.0.0' });
    const name = `open_${query['workspace'] ?? 'nothing'}`;
    server.registerTool(name, { description: name }, () => ({ content: [{ type: 'text', text: name }] }));
    return server;
  };

  it.each(CLIENTS)('may decide which tools there are, for lists and calls alike (%s)', async (kind) => {
    const { url } = await startWrapped({ serverFactory: byWorkspace });
    const token = await signToken('alice');
    for (const workspace of ['red', 'blue', 'red']) {
      const client = await connect(kind, `${url}?workspace=${workspace}`, token);
      expect(await client.tools()).toEqual([`open_${workspace}`]);
      expect((await client.call(`open_${workspace}`)).text).toBe(`open_${workspace}`);
    }
  });

  it.each(['stateless', 'stateful'] as const)(
    'of one request never meet a server that was built for others (%s)',
    async (sessionMode) => {
      const pool = { maxSize: 10, idleTimeout: 60_000, maxLifetime: 60_000 };
      const { url } = await startWrapped({
        serverFactory: byWorkspace,
        instanceMode: 'pooled',
        instancePool: pool,
        sessionMode,
      });
      const token = await signToken('alice');
      for (const workspace of ['red', 'blue', 'red', 'blue']) {
        const client = await connect('v1', `${url}?workspace=${workspace}`, token);
        expect((await client.call(`open_${workspace}`)).text).toBe(`open_${workspace}`);
        const elsewhere = await rpc(`${url}?workspace=${workspace === 'red' ? 'blue' : 'red'}`, {
          era: '2025-11-25',
          method: 'tools/call',
          params: { name: `open_${workspace}` },
          token,
          headers: client.sessionId === undefined ? [] : [['mcp-session-id', client.sessionId]],
        });
        expect(elsewhere.text).toContain(
          sessionMode === 'stateful' ? 'Unknown session' : `Unknown tool: open_${workspace}`,
        );
      }
    },
  );
});
