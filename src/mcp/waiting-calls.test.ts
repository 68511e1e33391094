import { describe, expect, it, vi } from 'vitest';
import { callTool, connectAnswering, serveAsking } from '../../test/fixtures/mcp-servers/asking.ts';

const POOL = { max: 4, idleMs: 60_000, lifetimeMs: 600_000 };

describe.each([
  ['fresh', undefined],
  ['pooled', POOL],
])('a bridged server that asks its client in the 2026 era, %s', (_name, pool) => {
  it.each(['elicit', 'related'])('gets the answer to %s', async (tool) => {
    const server = await serveAsking({ pool });
    const client = await connectAnswering(server);
    expect(await callTool(client, tool)).toEqual({
      action: 'accept',
      content: { colour: 'Which colour? red' },
    });
    expect(server.errors).toEqual([]);
  });

  it('asks one question after another, and several at once', async () => {
    const server = await serveAsking({ pool });
    const client = await connectAnswering(server);
    expect(await callTool(client, 'rounds')).toEqual(['First? red', 'Second? red', 'Third? red']);
    expect(await callTool(client, 'both')).toEqual(['One? red', 'Two? red']);
    expect(server.errors).toEqual([]);
  });

  it('asks for roots and samples too', async () => {
    const server = await serveAsking({ pool });
    expect(await callTool(await connectAnswering(server), 'more')).toEqual(['file:///home', 'model-x']);
  });

  it('loses no progress, whether the client is there or answers', async () => {
    const server = await serveAsking({ pool });
    const client = await connectAnswering(server);
    const seen: number[] = [];
    const onprogress = ({ progress, message }: { progress: number; message?: string | undefined }) => {
      if (message === undefined) seen.push(progress);
    };
    expect(await callTool(client, 'busy', { onprogress })).toBe('done');
    expect(seen).toEqual([1, 2, 3]);
  });

  it('is ended when its calls are over, or given back', async () => {
    const server = await serveAsking({ pool });
    const client = await connectAnswering(server);
    await callTool(client, 'rounds');
    await vi.waitFor(() => {
      if (pool === undefined)
        expect(server.events.filter((event) => event === 'closed').length).toBe(server.built.length);
      else expect(server.instances.stats()).toMatchObject({ leased: 0 });
    });
  });

  it('is told what its client can do', async () => {
    const server = await serveAsking({ pool });
    const client = await connectAnswering(server, { capabilities: { elicitation: { form: {} } } });
    const [capabilities, info] = (await callTool(client, 'told')) as [unknown, unknown];
    expect(capabilities).toEqual({ elicitation: { form: {} } });
    expect(info).toMatchObject({ name: 'test-client', version: '1.2.3' });
    const other = await connectAnswering(server, { capabilities: {} });
    expect(((await callTool(other, 'told')) as unknown[])[0]).toEqual({});
  });
});
