import { SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Call, ERAS, rpc } from '../../support/wire.ts';
import { CLIENTS, connect } from './support/clients.ts';
import { FACTORIES } from './support/factories.ts';
import { collectSpans } from './support/spans.ts';
import { signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

const whoami = async (era: Call['era'], subject = 'alice'): Promise<Call> => ({
  era,
  method: 'tools/call',
  params: { name: 'whoami' },
  token: await signToken(subject),
});

function captureStderr(): string[] {
  const lines: string[] = [];
  const spy = vi.spyOn(console, 'error').mockImplementation((line: unknown) => void lines.push(String(line)));
  onTestFinished(() => spy.mockRestore());
  return lines;
}

describe('[mcp-auth/wrap.middleware] [mcp-auth/defect.inert-middleware] logging', () => {
  it('writes a line for each call and each refusal, without tokens or arguments', async () => {
    const lines = captureStderr();
    const { url } = await startWrapped({ middleware: { logging: true } });
    const call = await whoami('2026-07-28');
    await rpc(url, {
      ...call,
      params: { name: 'whoami', arguments: { password: 'hunter2' } },
      headers: [['x-request-id', 'r1']],
    });
    await rpc(url, { ...call, token: 'not-a-token' });
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events).toHaveLength(2);
    expect(events[0]).toMatchObject({
      type: 'call',
      outcome: 'allow',
      method: 'tools/call',
      target: 'whoami',
      subject: 'alice',
      requestId: 'r1',
      durationMs: expect.any(Number),
    });
    expect(events[1]).toMatchObject({ type: 'refused', outcome: 'deny', code: 'INVALID_TOKEN' });
    expect(lines.join()).not.toContain('hunter2');
    expect(lines.join()).not.toContain(call.token);
    expect(lines.join()).not.toContain('not-a-token');
  });

  it('writes nothing by default', async () => {
    const lines = captureStderr();
    const { url } = await startWrapped();
    expect((await rpc(url, await whoami('2025-11-25'))).status).toBe(200);
    expect(lines).toEqual([]);
  });
});

describe('[mcp-auth/wrap.middleware] [mcp-auth/defect.inert-middleware] rateLimit', () => {
  it.each(ERAS)(
    'refuses what is over the limit of a user, with the seconds to wait, and not the others (%s)',
    async (era) => {
      const { url, journal } = await startWrapped({
        middleware: { rateLimit: { maxRequests: 2, windowMs: 60_000 } },
      });
      const call = await whoami(era);
      expect((await rpc(url, call)).status).toBe(200);
      expect((await rpc(url, call)).status).toBe(200);
      const refused = await rpc(url, call);
      expect(refused.status).toBe(429);
      expect(refused.json).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' });
      const retryAfter = Number(refused.headers['retry-after']);
      expect(retryAfter).toBeGreaterThan(0);
      expect(retryAfter).toBeLessThanOrEqual(30);
      expect(journal.ran).toEqual(['whoami alice', 'whoami alice']);
      // A new token is the same user, another user is not.
      expect((await rpc(url, await whoami(era))).status).toBe(429);
      expect((await rpc(url, await whoami(era, 'bob'))).status).toBe(200);
    },
  );
});

describe('[mcp-auth/wrap.middleware] [mcp-auth/defect.inert-middleware] requestTimeoutMs', () => {
  it.each(FACTORIES)('ends a call that takes too long, and aborts what runs it, in a %s', async (kind) => {
    const { url, journal } = await startWrapped({ kind, middleware: { requestTimeoutMs: 100 } });
    for (const era of ERAS) {
      const answer = await rpc(url, { ...(await whoami(era)), params: { name: 'hold' } });
      expect(answer.json).toMatchObject({
        error: {
          code: -32001,
          message: 'The request took longer than 100 ms',
          data: { code: 'REQUEST_TIMEOUT' },
        },
      });
    }
    await expect.poll(() => journal.ran.filter((entry) => entry === 'aborted alice')).toHaveLength(2);
    expect((await rpc(url, await whoami('2025-11-25'))).status).toBe(200);
  });

  it.each(CLIENTS)('reaches a %s client as an error, in a session too', async (version) => {
    const { url } = await startWrapped({ sessionMode: 'stateful', middleware: { requestTimeoutMs: 100 } });
    const client = await connect(version, url, await signToken('alice'));
    await expect(client.call('hold')).rejects.toThrow('The request took longer than 100 ms');
    expect((await client.call('work')).text).toBe('done');
  });
});

describe('[mcp-auth/wrap.middleware] [mcp-auth/defect.inert-middleware] enableTracing', () => {
  const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
  const TRACEPARENT = `00-${TRACE_ID}-00f067aa0ba902b7-01`;

  it.each(ERAS)('makes each call a span under the caller’s own, named in _meta (%s)', async (era) => {
    const exporter = collectSpans();
    const { url } = await startWrapped({ middleware: { enableTracing: true }, name: 'notes' });
    const call = await whoami(era);
    await rpc(url, {
      ...call,
      params: { name: 'whoami', arguments: { secret: 'hunter2' }, _meta: { traceparent: TRACEPARENT } },
    });
    const [span] = exporter.getFinishedSpans();
    expect(span?.name).toBe('tools/call whoami');
    expect(span?.spanContext().traceId).toBe(TRACE_ID);
    expect(span?.parentSpanContext).toMatchObject({ spanId: '00f067aa0ba902b7', isRemote: true });
    expect(span?.attributes).toMatchObject({
      'rpc.method': 'tools/call',
      'mcp.server': 'notes',
      'enduser.id': 'alice',
    });
    expect(JSON.stringify([span?.name, span?.attributes, span?.events])).not.toMatch(
      /hunter2|upstream-of|eyJ/,
    );
  });

  it('takes the traceparent of the HTTP header where _meta has none', async () => {
    const exporter = collectSpans();
    const { url } = await startWrapped({ middleware: { enableTracing: true } });
    await rpc(url, { ...(await whoami('2025-11-25')), headers: [['traceparent', TRACEPARENT]] });
    expect(exporter.getFinishedSpans()[0]?.spanContext().traceId).toBe(TRACE_ID);
  });

  it('marks what failed and what was refused', async () => {
    const exporter = collectSpans();
    const { url } = await startWrapped({
      middleware: {
        enableTracing: true,
        requestTimeoutMs: 50,
        rateLimit: { maxRequests: 1, windowMs: 60_000 },
      },
    });
    const call = await whoami('2026-07-28');
    await rpc(url, { ...call, params: { name: 'hold' } });
    await rpc(url, call);
    const spans = exporter
      .getFinishedSpans()
      .map(({ status, attributes }) => [status.code, attributes['error.type']]);
    expect(spans).toEqual([
      [SpanStatusCode.ERROR, '-32001'],
      [SpanStatusCode.ERROR, 'RATE_LIMIT_EXCEEDED'],
    ]);
  });

  it('makes no span by default', async () => {
    const exporter = collectSpans();
    const { url } = await startWrapped();
    expect((await rpc(url, await whoami('2025-11-25'))).status).toBe(200);
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});
