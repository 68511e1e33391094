import { describe, expect, it } from 'vitest';
import { CONTEXT, callerOf, createParts, factsOf, LET, STOP } from '../test/support/guard-parts.ts';
import type { Admission, Caller } from './core/admission.ts';
import { TokenResolutionError, TransportError } from './core/errors.ts';
import { createPrincipal } from './core/principal.ts';
import { isRefusal, type Refusal } from './core/refusal.ts';
import { createGuard, type GuardParts } from './guard.ts';

async function arrive(parts: GuardParts): Promise<Caller | Refusal> {
  return createGuard(parts).arrive(CONTEXT);
}

async function admitted(parts: GuardParts): Promise<Admission> {
  const admission = await createGuard(parts).admit(callerOf(), factsOf());
  if (isRefusal(admission)) throw new Error(`refused: ${admission.code}`);
  return admission;
}

const broken = (): never => {
  throw new Error('inner reason');
};

describe('arrive', () => {
  it('asks in order: capacity, failures, revocations, who, for whom', async () => {
    const parts = createParts();
    expect(await arrive(parts)).toMatchObject({
      principal: { subject: 'alice', tenantId: 'acme' },
      context: CONTEXT,
      authenticated: true,
    });
    expect(parts.asked).toEqual(['capacity', 'failures', 'isRevoked', 'provider', 'tenants']);
    expect(parts.events).toEqual([]);
  });

  const refusals: readonly (readonly [string, Partial<GuardParts>, string, readonly string[]])[] = [
    ['a full log', { audit: { ...createParts().audit, isFull: () => true } }, 'SHUTTING_DOWN', []],
    [
      'failures',
      { failures: { keyOf: String, isBlocked: () => STOP, record: () => undefined } },
      'RATE_LIMIT_EXCEEDED',
      ['capacity', 'isKnown'],
    ],
    ['a revocation', { isRevoked: () => true }, 'INVALID_TOKEN', ['capacity', 'failures']],
    [
      'the provider',
      { provider: { authenticate: async () => ({ authenticated: false, reason: 'invalid' }) } },
      'INVALID_TOKEN',
      ['capacity', 'failures', 'isRevoked', 'failure'],
    ],
    [
      'tenants',
      { tenants: { resolveTenant: () => ({ kind: 'refused', message: 'no' }) } },
      'ACCESS_DENIED',
      ['capacity', 'failures', 'isRevoked', 'provider'],
    ],
  ];

  it.each(refusals)('goes no further than what refuses: %s', async (_name, overrides, code, asked) => {
    const parts = createParts(overrides);
    expect(await arrive(parts)).toMatchObject({ refused: true, code });
    expect(parts.asked.filter((name) => name !== 'audit')).toEqual(asked);
  });

  it('records every refusal with what is known by then', async () => {
    const parts = createParts({ tenants: { resolveTenant: () => ({ kind: 'refused', message: 'no' }) } });
    await arrive(parts);
    expect(parts.events).toEqual([
      {
        time: '1970-01-01T00:16:40.000Z',
        server: 'notes',
        requestId: 'request-1',
        remoteAddress: '192.0.2.1',
        transport: 'http',
        issuer: 'https://issuer.example.com',
        subject: 'alice',
        tenantId: undefined,
        clientId: undefined,
        type: 'refused',
        outcome: 'deny',
        code: 'ACCESS_DENIED',
        detail: 'tenant',
      },
    ]);
  });

  it.each<[string, Partial<GuardParts>, string]>([
    [
      'the limit of failures',
      { failures: { keyOf: broken, isBlocked: broken, record: broken } },
      'INTERNAL_ERROR',
    ],
    ['the provider', { provider: { authenticate: broken } }, 'AUTHENTICATION_UNAVAILABLE'],
    ['tenants, at once', { tenants: { resolveTenant: broken } }, 'INTERNAL_ERROR'],
    ['tenants, later', { tenants: { resolveTenant: async () => broken() } }, 'INTERNAL_ERROR'],
  ])('is refused, recorded and silent about why when a step throws: %s', async (_name, overrides, code) => {
    const parts = createParts(overrides);
    const refusal = await arrive(parts);
    expect(refusal).toMatchObject({ refused: true, code });
    expect(JSON.stringify([refusal, parts.events])).not.toContain('inner reason');
    expect(parts.events).toMatchObject([{ type: 'refused', code }]);
  });

  it('is refused when a provider says yes and names nobody', async () => {
    const refusal = await arrive(
      createParts({ provider: { authenticate: async () => ({ authenticated: true }) } }),
    );
    expect(refusal).toMatchObject({ code: 'AUTHENTICATION_UNAVAILABLE' });
  });

  it('serves nobody in particular only where the rules allow it', async () => {
    const provider = { authenticate: async () => ({ authenticated: false, reason: 'absent' }) as const };
    expect(await arrive(createParts({ provider }))).toMatchObject({ code: 'MISSING_CREDENTIALS' });
    const authorizer = { ...createParts().authorizer, allowsAnonymous: true };
    expect(await arrive(createParts({ provider, authorizer }))).toMatchObject({
      principal: { subject: 'anonymous' },
      authenticated: false,
    });
  });
});

describe('admit', () => {
  it('asks in order: capacity, how often, may they, does it exist, with which token', async () => {
    const parts = createParts();
    const admission = await admitted(parts);
    expect(parts.asked).toEqual(['capacity', 'limits', 'authorizer', 'directory', 'resolver']);
    expect(admission).toMatchObject({ facts: factsOf(), caller: callerOf() });
    expect(admission.upstreamToken.reveal()).toBe('upstream');
  });

  const deny = {
    effect: 'deny',
    reason: 'insufficient_scope',
    remedy: { kind: 'scopes', scopes: ['x'] },
  } as const;

  it.each<[string, Partial<GuardParts>, string, readonly string[]]>([
    ['expiry', { now: () => 4e15 }, 'INVALID_TOKEN', []],
    ['limits', { limits: { consume: () => STOP } }, 'RATE_LIMIT_EXCEEDED', []],
    ['limits that answer later', { limits: { consume: async () => STOP } }, 'RATE_LIMIT_EXCEEDED', []],
    [
      'the authorizer',
      { authorizer: { decide: ({ action }) => (action === 'tools/list' ? { effect: 'allow' } : deny) } },
      'INSUFFICIENT_SCOPE',
      ['limits', 'directory'],
    ],
    ['the directory', { directory: { has: () => false } }, 'NOT_FOUND', ['limits', 'authorizer']],
    [
      'the resolver',
      {
        credentials: {
          resolver: { resolveToken: async () => null },
          resourceType: 'notes',
          toUserId: () => 'alice',
        },
      },
      'TOKEN_RESOLUTION_FAILED',
      ['limits', 'authorizer', 'directory'],
    ],
  ])('goes no further than what refuses: %s', async (_name, overrides, code, asked) => {
    const parts = createParts(overrides);
    const caller = callerOf(createPrincipal({ issuer: 'i', subject: 'alice', expiresAt: 2_000_000_000 }));
    const refusal = await createGuard(parts).admit(caller, factsOf());
    expect(refusal).toMatchObject({ refused: true, code });
    expect(parts.asked.filter((name) => name !== 'audit' && name !== 'span')).toEqual(['capacity', ...asked]);
    expect(parts.events).toMatchObject([
      {
        type: 'refused',
        outcome: 'deny',
        code,
        method: 'tools/call',
        target: 'echo',
        subject: 'alice',
        traceId: 'trace-1',
      },
    ]);
    expect(parts.asked.filter((name) => name === 'span')).toHaveLength(1);
  });

  it.each<[string, Partial<GuardParts>, string]>([
    ['limits', { limits: { consume: broken } }, 'INTERNAL_ERROR'],
    ['the authorizer', { authorizer: { decide: broken } }, 'INTERNAL_ERROR'],
    ['the directory', { directory: { has: broken } }, 'INTERNAL_ERROR'],
    [
      'the directory, an outage',
      { directory: { has: () => Promise.reject(new TokenResolutionError('down', { outage: true })) } },
      'CREDENTIALS_UNAVAILABLE',
    ],
    [
      'the directory, a server that cannot be asked',
      { directory: { has: () => Promise.reject(new TransportError('lost')) } },
      'TRANSPORT_ERROR',
    ],
    [
      'the resolver',
      { credentials: { resolver: { resolveToken: broken }, resourceType: 'notes', toUserId: () => 'alice' } },
      'CREDENTIALS_UNAVAILABLE',
    ],
    [
      'the user id',
      { credentials: { ...createParts().credentials!, toUserId: broken } },
      'CREDENTIALS_UNAVAILABLE',
    ],
  ])('is refused and silent about why when a step throws: %s', async (_name, overrides, code) => {
    const parts = createParts(overrides);
    const refusal = await createGuard(parts).admit(callerOf(), factsOf());
    expect(refusal).toMatchObject({ refused: true, code });
    expect(JSON.stringify([refusal, parts.events])).not.toContain('inner reason');
    expect(parts.events).toHaveLength(1);
  });

  it('refuses a full log and a malformed message before anything else', async () => {
    const full = createParts({ audit: { ...createParts().audit, isFull: () => true } });
    expect(await createGuard(full).admit(callerOf(), factsOf())).toMatchObject({ code: 'SHUTTING_DOWN' });
    const parts = createParts();
    const malformed = factsOf({ problem: 'Too many subscriptions' });
    expect(await createGuard(parts).admit(callerOf(), malformed)).toMatchObject({
      code: 'VALIDATION_ERROR',
      message: 'Too many subscriptions',
    });
    expect(parts.asked).not.toContain('limits');
  });

  it('reports what should not happen', async () => {
    const parts = createParts({ authorizer: { decide: broken } });
    await createGuard(parts).admit(callerOf(), factsOf());
    expect(parts.reported).toMatchObject([{ message: 'inner reason' }]);
  });

  it('refuses all the same when the refusal cannot be recorded', async () => {
    const audit = {
      ...createParts().audit,
      durability: 'before-answer',
      flush: async () => broken(),
    } as const;
    const parts = createParts({ audit, limits: { consume: () => STOP } });
    expect(await createGuard(parts).admit(callerOf(), factsOf())).toMatchObject({
      code: 'RATE_LIMIT_EXCEEDED',
    });
    expect(parts.reported).toHaveLength(1);
  });
});

describe('an admission', () => {
  it.each([
    [{ ok: true }, { outcome: 'allow', code: undefined }],
    [
      { ok: false, error: -32602 },
      { outcome: 'failure', code: '-32602' },
    ],
    [
      { ok: false, error: 'tool_error' },
      { outcome: 'failure', code: 'tool_error' },
    ],
    [
      { ok: false, error: 'aborted' },
      { outcome: 'failure', code: 'aborted' },
    ],
  ] as const)('is recorded with its outcome: %j', async (outcome, recorded) => {
    let time = 5000;
    const parts = createParts({ now: () => time });
    const admission = await admitted(parts);
    time += 250;
    await admission.settle(outcome);
    expect(parts.events).toMatchObject([
      {
        type: 'call',
        ...recorded,
        durationMs: 250,
        method: 'tools/call',
        target: 'echo',
        traceId: 'trace-1',
      },
    ]);
  });

  it('ends once, whoever ends it', async () => {
    const parts = createParts();
    const admission = await admitted(parts);
    await admission.settle({ ok: true });
    await admission.settle({ ok: false, error: 'aborted' });
    expect(parts.events).toMatchObject([{ outcome: 'allow' }]);
    expect(parts.asked.filter((name) => name === 'span')).toHaveLength(1);
  });

  it('counts as running until it ends, unless it is a stream that is meant to last', async () => {
    const guard = createGuard(createParts());
    const [one, other] = [await guard.admit(callerOf(), factsOf()), await guard.admit(callerOf(), factsOf())];
    const stream = await guard.admit(callerOf(), factsOf({ method: 'subscriptions/listen', accesses: [] }));
    expect(guard.running).toBe(2);
    for (const admission of [one, one, other, stream])
      if (!isRefusal(admission)) await admission.settle({ ok: true });
    expect(guard.running).toBe(0);
  });

  it('does not count when it was refused', async () => {
    const guard = createGuard(createParts({ limits: { consume: () => STOP } }));
    await guard.admit(callerOf(), factsOf());
    expect(guard.running).toBe(0);
  });

  it('is abandoned at the end, streams too, and recorded once', async () => {
    const parts = createParts();
    const guard = createGuard(parts);
    const call = await guard.admit(callerOf(), factsOf());
    await guard.admit(callerOf(), factsOf({ method: 'subscriptions/listen', accesses: [] }));
    await guard.abandonAll();
    expect(guard.running).toBe(0);
    expect(parts.events).toMatchObject([
      { method: 'tools/call', outcome: 'failure', code: 'aborted' },
      { method: 'subscriptions/listen', outcome: 'failure', code: 'aborted' },
    ]);
    if (!isRefusal(call)) await call.settle({ ok: true });
    await guard.abandonAll();
    expect(parts.events).toHaveLength(2);
  });

  it('ends when its event is durable, and tells when it is not', async () => {
    let keep = (): void => undefined;
    let isLost = false;
    const flush = () =>
      isLost
        ? Promise.reject(new Error('no space'))
        : new Promise<void>((resolve) => {
            keep = resolve;
          });
    const parts = createParts({ audit: { ...createParts().audit, durability: 'before-answer', flush } });
    const guard = createGuard(parts);
    const admissions = await Promise.all([1, 2, 3].map((id) => guard.admit(callerOf(), factsOf({ id }))));
    const [first, second, third] = admissions.flatMap((admission) =>
      isRefusal(admission) ? [] : [admission],
    );
    let isSettled = false;
    const settling = Promise.resolve(first?.settle({ ok: true })).then(() => {
      isSettled = true;
    });
    await new Promise(setImmediate);
    expect(isSettled).toBe(false);
    keep();
    await settling;
    isLost = true;
    await expect(second?.settle({ ok: true })).rejects.toThrow('no space');
    // Nobody waits for this one, which must not end the process.
    void third?.settle({ ok: true });
    await new Promise(setImmediate);
    expect(parts.reported).toHaveLength(2);
    expect(guard.running).toBe(0);
  });

  it('gives its place back to the same principal alone', async () => {
    const guard = createGuard(createParts({ concurrency: 1, limits: { consume: () => LET } }));
    const bob = callerOf(createPrincipal({ issuer: 'https://issuer.example.com', subject: 'bob' }));
    const first = await guard.admit(callerOf(), factsOf());
    expect(await guard.admit(callerOf(), factsOf())).toMatchObject({
      code: 'RATE_LIMIT_EXCEEDED',
      retryAfterSeconds: 1,
    });
    const others = await guard.admit(bob, factsOf());
    if (!isRefusal(others)) await others.settle({ ok: true });
    expect(isRefusal(await guard.admit(callerOf(), factsOf()))).toBe(true);
    if (!isRefusal(first)) await first.settle({ ok: true });
    expect(isRefusal(await guard.admit(callerOf(), factsOf()))).toBe(false);
  });
});
