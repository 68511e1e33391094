import { describe, expect, it, vi } from 'vitest';
import { createV1McpServer } from '../../test/fixtures/mcp-servers/v1-servers.ts';
import { connectInner } from './inner-link.ts';
import type { LinkRequestOptions } from './link-contract.ts';
import { createLinkUse } from './link-use.ts';
import { type CallLeg, type CallRequest, createCall } from './running-call.ts';
import type { JsonObject } from './server-product.ts';

function requestOf(method: string, params: JsonObject = {}): CallRequest {
  return { method, params, options: {}, canPause: true, clientTimeoutMs: 1_000 };
}

function legOf(more: Partial<CallLeg> = {}): CallLeg {
  return {
    signal: new AbortController().signal,
    capabilities: { elicitation: {} },
    progressToken: 'token',
    notify: async () => undefined,
    park: () => 'state',
    ...more,
  };
}

const VOICE = { notify: async () => undefined, onClose: () => undefined };

describe('the use of a link that outlives it', () => {
  async function useOnce(method: string, params: JsonObject) {
    const link = await connectInner(createV1McpServer());
    const onEnd = vi.fn();
    const use = createLinkUse(link, { ownsLink: false, onEnd });
    const leave = use.join(VOICE);
    await use.call(requestOf(method, params)).follow(legOf());
    expect(onEnd).not.toHaveBeenCalled();
    await leave();
    await leave();
    await link.close();
    return onEnd.mock.calls;
  }

  it('leaves the link for the next', async () => {
    expect(await useOnce('tools/call', { name: 'echo', arguments: { text: 'x' } })).toEqual([[0]]);
  });

  it('does not, when a log level stays behind', async () => {
    expect(await useOnce('logging/setLevel', { level: 'debug' })).toEqual([[1]]);
  });
});

describe('a call', () => {
  /** A call on a link whose server does what the test says. */
  function startCall() {
    let server: LinkRequestOptions = {};
    let answer: ((result: JsonObject) => void) | undefined;
    const request = (_method: string, _params?: JsonObject, options: LinkRequestOptions = {}) => {
      server = options;
      return new Promise<JsonObject>((resolve) => {
        answer = resolve;
      });
    };
    const call = createCall({ request, notify: () => undefined }, requestOf('tools/call'));
    const ask = () =>
      server.onRequest?.(
        { jsonrpc: '2.0', id: 1, method: 'elicitation/create', params: {} },
        new AbortController().signal,
      );
    return {
      call,
      ask,
      report: (progress: number) => server.onProgress?.({ progress }),
      answer: (result: JsonObject) => answer?.(result),
    };
  }

  it('keeps what is sent while its client is away, within bounds and in order', async () => {
    const { call, ask, report, answer } = startCall();
    const first = call.follow(legOf());
    const asked = ask();
    expect(await first).toMatchObject({ requestState: 'state' });
    for (let progress = 1; progress <= 300; progress += 1) void report(progress);
    const seen: unknown[] = [];
    const notify: CallLeg['notify'] = async (_method, params) => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push([params['progress'], params['progressToken']]);
    };
    const end = call.follow(legOf({ progressToken: 'other', notify }), { 'input-1': { action: 'decline' } });
    expect(await asked).toEqual({ action: 'decline' });
    answer({ content: [] });
    expect(await end).toEqual({ result: { content: [] } });
    expect(seen).toEqual(Array.from({ length: 256 }, (_, index) => [index + 1, 'other']));
  });

  it('refuses a question for which there is no room, and goes on', async () => {
    const { call, ask, answer } = startCall();
    const end = call.follow(legOf({ park: () => undefined }));
    await expect(ask()).rejects.toMatchObject({ code: -32000 });
    answer({ content: [] });
    expect(await end).toEqual({ result: { content: [] } });
  });

  it('refuses questions where its method cannot be paused', async () => {
    const { call, ask } = startCall();
    const end = call.follow(legOf({ park: undefined })).catch((error: unknown) => error);
    await expect(ask()).rejects.toMatchObject({ code: -32601 });
    call.cancel(new Error('over'));
    expect(await end).toMatchObject({ message: 'over' });
    expect(call.isRunning).toBe(false);
  });
});
