import { McpServer } from '@modelcontextprotocol/server';
import { SignJWT } from 'jose';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { AuditEvent } from '../../src/audit/audit-sink.ts';
import { createGate } from '../../src/gate.ts';
import { type Call, ERAS, headersOf, messageOf } from '../support/wire.ts';
import { SECRET } from './fixtures/options.ts';

const MCP = 'http://127.0.0.1:3000/mcp';
const FAKED = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] as const;

/** A gate without a listener, in front of a tool that never answers. */
async function start() {
  const events: AuditEvent[] = [];
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const factory = () => {
    const server = new McpServer({ name: 'notes', version: '1.0.0' });
    server.registerTool('hang', { description: 'Never answers' }, () => {
      begin();
      return new Promise<never>(() => undefined);
    });
    return server;
  };
  const gate = await createGate({
    servers: { notes: { factory } },
    auth: [{ type: 'jwt', secret: SECRET }],
    audit: [(event: AuditEvent) => void events.push(event)],
  });
  const jwt = new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('alice')
    .setExpirationTime('1h');
  return { gate, events, begun, token: await jwt.sign(new TextEncoder().encode(SECRET)) };
}

function requestOf(call: Call, body: string | ReadableStream = JSON.stringify(messageOf(call))): Request {
  return new Request(MCP, { method: 'POST', headers: headersOf(call), body, duplex: 'half' });
}

describe('[config/shutdown] gate.close() within a bound', () => {
  test.each(ERAS)('gives a call half a minute, then cuts it and records that (%s)', async (era) => {
    vi.useFakeTimers({ toFake: [...FAKED] });
    onTestFinished(() => void vi.useRealTimers());
    const { gate, events, begun, token } = await start();
    const params = { name: 'hang', arguments: {} };
    void gate.fetch(requestOf({ era, token, method: 'tools/call', params })).catch(() => undefined);
    await begun;

    let isClosed = false;
    const closing = gate.close().then(() => {
      isClosed = true;
    });
    await vi.advanceTimersByTimeAsync(29_000);
    expect([isClosed, events]).toEqual([false, []]);
    await vi.advanceTimersByTimeAsync(10_000);
    await closing;
    expect(events).toMatchObject([{ type: 'call', outcome: 'failure', code: 'aborted', target: 'hang' }]);
  });

  test('is not held up by a stream whose request was still arriving', async () => {
    const { gate, token } = await start();
    const call = {
      era: '2026-07-28',
      token,
      method: 'subscriptions/listen',
      params: { notifications: { toolsListChanged: true } },
    } as const;
    const text = new TextEncoder().encode(JSON.stringify(messageOf(call)));
    let finish = (): void => undefined;
    let isAsked = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve;
    });
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          isAsked();
          return new Promise((resolve) => {
            finish = () => {
              controller.enqueue(text);
              controller.close();
              resolve();
            };
          });
        },
      },
      { highWaterMark: 0 },
    );
    const answer = gate.fetch(requestOf(call, body));
    await asked;
    const closing = gate.close();
    finish();
    // Whether it is refused or opened and ended at once: it ends.
    await (await answer).text();
    await expect(closing).resolves.toBeUndefined();
  });
});
