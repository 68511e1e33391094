import { type Client, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client';
import { InMemoryTransport } from '@modelcontextprotocol/server';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AuthProvider } from '../../src/authn/auth-provider.ts';
import { createPrincipal } from '../../src/core/principal.ts';
import { createGate } from '../../src/gate.ts';
import { answeringClient, askingServer, callTool } from '../fixtures/mcp-servers/asking.ts';
import { type HarnessOptions, startGate } from '../support/gate-harness.ts';

const ALL = { elicitation: { form: {} }, sampling: {}, roots: {} };
const RED = { action: 'accept', content: { colour: 'Which colour? red' } };

async function startAsking(server: object = {}, options: Partial<HarnessOptions> = {}) {
  const events: string[] = [];
  const errors: unknown[] = [];
  const harness = await startGate({
    onError: (error) => void errors.push(error),
    ...options,
    servers: { asking: { factory: () => askingServer(events), ...server } },
  });
  return { ...harness, inside: events, errors };
}

async function overHttp(
  harness: Awaited<ReturnType<typeof startAsking>>,
  mode: 'modern' | 'legacy',
): Promise<Client> {
  const client = answeringClient(ALL, mode);
  const headers = { authorization: `Bearer ${await harness.token()}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(harness.url), { requestInit: { headers } }));
  return client;
}

const INSTANCES = [
  ['fresh', {}],
  ['pooled', { instances: { mode: 'pooled', max: 8 } }],
] as const;

describe.each(INSTANCES)('a v1 server behind a gate, %s', (_name, instances) => {
  it('asks a client of the 2026 era over HTTP', async () => {
    const harness = await startAsking(instances);
    const client = await overHttp(harness, 'modern');
    expect(await callTool(client, 'elicit')).toEqual(RED);
    expect(await callTool(client, 'related')).toEqual(RED);
    expect(await callTool(client, 'rounds')).toEqual(['First? red', 'Second? red', 'Third? red']);
    expect(await callTool(client, 'more')).toEqual(['file:///home', 'model-x']);
    expect(harness.errors).toEqual([]);
  });

  it('asks a client in a 2025-era session', async () => {
    const harness = await startAsking({ ...instances, sessions: { mode: 'stateful' } });
    const client = await overHttp(harness, 'legacy');
    expect(await callTool(client, 'elicit')).toEqual(RED);
    expect(await callTool(client, 'related')).toEqual(RED);
    expect(await callTool(client, 'rounds')).toEqual(['First? red', 'Second? red', 'Third? red']);
    expect(await callTool(client, 'both')).toEqual(['One? red', 'Two? red']);
    expect(await callTool(client, 'more')).toEqual(['file:///home', 'model-x']);
    expect(harness.errors).toEqual([]);
  });

  it.each(['modern', 'legacy'] as const)('asks over a connection, %s era', async (mode) => {
    const provider: AuthProvider = {
      ambient: true,
      authenticate: async () => ({
        authenticated: true,
        principal: createPrincipal({ issuer: 'urn:test', subject: 'alice' }),
      }),
    };
    const events: string[] = [];
    const errors: unknown[] = [];
    const gate = await createGate({
      auth: [provider],
      servers: { asking: { factory: () => askingServer(events), ...instances } },
      onError: (error) => void errors.push(error),
    });
    onTestFinished(() => gate.close());
    const [clientSide, serverSide] = InMemoryTransport.createLinkedPair();
    const connection = await gate.connect(serverSide);
    const client = answeringClient(ALL, mode);
    await client.connect(clientSide as Transport);
    const seen: number[] = [];
    const onprogress = ({ progress, message }: { progress: number; message?: string | undefined }) => {
      if (message === undefined) seen.push(progress);
    };
    expect(await callTool(client, 'elicit')).toEqual(RED);
    expect(await callTool(client, 'related')).toEqual(RED);
    expect(await callTool(client, 'busy', { onprogress })).toEqual('done');
    expect(seen).toEqual([1, 2, 3]);
    const [told] = (await callTool(client, 'told')) as [unknown];
    expect(told).toEqual(ALL);
    const many = await Promise.all(['elicit', 'rounds', 'both'].map((name) => callTool(client, name)));
    expect(many[0]).toEqual(RED);
    await connection.close();
    expect(errors).toEqual([]);
  });

  it('is refused clearly where the client cannot be asked', async () => {
    const harness = await startAsking(instances);
    const client = await overHttp(harness, 'legacy');
    expect(JSON.stringify(await callTool(client, 'elicit'))).toContain('does not support form elicitation');
  });
});
