import { describe, expect, it } from 'vitest';
import { accessTo, CONTEXT, callerOf, createParts, factsOf } from '../../test/support/guard-parts.ts';
import type { AuditSink } from '../audit/audit-sink.ts';
import { createPrincipal } from '../core/principal.ts';
import { refuse } from '../core/refusal.ts';
import { createAuditTrail } from './audit-trail.ts';

const ARRIVAL = { context: CONTEXT, authenticated: false };
const CALLER = callerOf(
  createPrincipal({
    issuer: 'https://issuer.example.com',
    subject: 'alice',
    tenantId: 'acme',
    clientId: 'app',
  }),
);
const SERVER = { server: 'notes', kind: 'server', name: '' } as const;

function createTrail(sink: Partial<AuditSink> = {}) {
  const { audit, events } = createParts();
  return { trail: createAuditTrail({ ...audit, ...sink }, 'notes', () => 2000), events };
}

describe('createAuditTrail', () => {
  it('refuses while an event would be lost', () => {
    expect(createTrail().trail.checkCapacity(ARRIVAL)).toBeUndefined();
    expect(createTrail({ isFull: () => true }).trail.checkCapacity(ARRIVAL)).toMatchObject({
      code: 'SHUTTING_DOWN',
      retryAfterSeconds: 5,
    });
    const { isFull: _, ...unbounded } = createParts().audit;
    expect(createAuditTrail(unbounded, 'notes', () => 0).checkCapacity(ARRIVAL)).toBeUndefined();
  });

  it('says who asked for what, from where, and how it ended', async () => {
    const { trail, events } = createTrail();
    await trail.settled({
      caller: CALLER,
      facts: factsOf(),
      outcome: { ok: true },
      startedAt: 1500,
      traceId: 't',
    });
    expect(events).toEqual([
      {
        time: '1970-01-01T00:00:02.000Z',
        type: 'call',
        outcome: 'allow',
        code: undefined,
        durationMs: 500,
        server: 'notes',
        method: 'tools/call',
        target: 'echo',
        requestId: 'request-1',
        traceId: 't',
        remoteAddress: '192.0.2.1',
        transport: 'http',
        issuer: 'https://issuer.example.com',
        subject: 'alice',
        tenantId: 'acme',
        clientId: 'app',
      },
    ]);
  });

  it('names what was refused and why, the inner reason included', async () => {
    const { trail, events } = createTrail();
    const refusal = refuse('ACCESS_DENIED', 'no', { detail: 'missing_role' });
    const facts = factsOf({ method: 'prompts/get', accesses: [accessTo('greet')] });
    await trail.refusedMessage({ caller: CALLER, facts, refusal, traceId: 't' });
    await trail.refusedArrival(ARRIVAL, refusal);
    expect(events).toMatchObject([
      {
        type: 'refused',
        outcome: 'deny',
        code: 'ACCESS_DENIED',
        detail: 'missing_role',
        method: 'prompts/get',
        target: 'greet',
      },
      { type: 'refused', outcome: 'deny', code: 'ACCESS_DENIED', subject: undefined },
    ]);
  });

  it('has no target for what is asked of the server itself', async () => {
    const { trail, events } = createTrail();
    const facts = factsOf({ method: 'tools/list', accesses: [{ action: 'tools/list', target: SERVER }] });
    await trail.settled({ caller: CALLER, facts, outcome: { ok: true }, startedAt: 0 });
    expect(events).toMatchObject([{ method: 'tools/list', target: undefined }]);
  });

  it('holds no credential, no argument and no claim', async () => {
    const { trail, events } = createTrail();
    const principal = createPrincipal({
      issuer: 'i',
      subject: 's',
      claims: { email: 'private@example.com' },
    });
    const facts = factsOf({ accesses: [accessTo('echo', { arguments: { text: 'private text' } })] });
    await trail.settled({ caller: callerOf(principal), facts, outcome: { ok: true }, startedAt: 0 });
    expect(JSON.stringify(events)).not.toMatch(/private|a-token/);
  });

  it('waits only where an event has to be durable before the answer', async () => {
    let flushed = 0;
    const flush = async () => void (flushed += 1);
    const refusal = refuse('ACCESS_DENIED', 'no');
    expect(createTrail({ flush }).trail.refusedArrival(ARRIVAL, refusal)).toBeUndefined();
    expect(
      createTrail({ flush, durability: 'batched' }).trail.refusedArrival(ARRIVAL, refusal),
    ).toBeUndefined();
    expect(flushed).toBe(0);
    await createTrail({ flush, durability: 'before-answer' }).trail.refusedArrival(ARRIVAL, refusal);
    expect(flushed).toBe(1);
  });
});
