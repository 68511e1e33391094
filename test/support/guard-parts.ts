import type { AuditEvent } from '../../src/audit/audit-sink.ts';
import type { Access, Caller, MessageFacts } from '../../src/core/admission.ts';
import { ALLOW } from '../../src/core/decision.ts';
import { createPrincipal, type Principal } from '../../src/core/principal.ts';
import type { RequestContext } from '../../src/core/request-context.ts';
import { Secret } from '../../src/core/secret.ts';
import type { GuardParts } from '../../src/guard.ts';
import type { LimitResult } from '../../src/limits/rate-limiter.ts';

export const ALICE: Principal = createPrincipal({ issuer: 'https://issuer.example.com', subject: 'alice' });
export const LET: LimitResult = { allowed: true, remaining: 1, retryAfterSeconds: 0 };
export const STOP: LimitResult = { allowed: false, remaining: 0, retryAfterSeconds: 7 };

export const CONTEXT: RequestContext = {
  transport: 'http',
  timestamp: new Date(0),
  requestId: 'request-1',
  remoteAddress: '192.0.2.1',
  resource: 'https://mcp.example.com/mcp',
  credential: { kind: 'bearer', token: new Secret('a-token') },
};

export function callerOf(principal: Principal = ALICE, context: RequestContext = CONTEXT): Caller {
  return { principal, context, authenticated: true };
}

export function accessTo(name: string, more: Partial<Access> = {}): Access {
  return { action: 'tools/call', target: { server: 'notes', kind: 'tool', name }, arguments: {}, ...more };
}

export function factsOf(more: Partial<MessageFacts> = {}): MessageFacts {
  return { id: 1, method: 'tools/call', accesses: [accessTo('echo')], credential: 'required', ...more };
}

export interface Recorded extends GuardParts {
  /** Which parts were asked, in order. */
  readonly asked: string[];
  readonly events: AuditEvent[];
  /** What was reported to the operator. */
  readonly reported: unknown[];
}

/** Parts of a guard that let everything pass and keep a record of who was asked. */
export function createParts(overrides: Partial<GuardParts> = {}): Recorded {
  const asked: string[] = [];
  const events: AuditEvent[] = [];
  const reported: unknown[] = [];
  return {
    asked,
    events,
    reported,
    server: 'notes',
    provider: {
      authenticate: async () => {
        asked.push('provider');
        return { authenticated: true, principal: ALICE };
      },
      isKnown: () => {
        asked.push('isKnown');
        return false;
      },
    },
    failures: {
      keyOf: String,
      isBlocked: () => {
        asked.push('failures');
        return LET;
      },
      record: () => void asked.push('failure'),
    },
    isRevoked: () => {
      asked.push('isRevoked');
      return false;
    },
    tenants: {
      resolveTenant: () => {
        asked.push('tenants');
        return { kind: 'tenant', tenantId: 'acme' };
      },
    },
    limits: {
      consume: () => {
        asked.push('limits');
        return LET;
      },
    },
    authorizer: {
      decide: () => {
        asked.push('authorizer');
        return ALLOW;
      },
    },
    directory: {
      has: () => {
        asked.push('directory');
        return true;
      },
    },
    credentials: {
      resolver: {
        resolveToken: async () => {
          asked.push('resolver');
          return 'upstream';
        },
      },
      resourceType: 'notes',
      toUserId: ({ subject }) => subject,
    },
    audit: {
      write: (event) => {
        asked.push('audit');
        events.push(event);
      },
      isFull: () => {
        asked.push('capacity');
        return false;
      },
      flush: async () => undefined,
      close: async () => undefined,
    },
    tracer: { start: () => ({ traceId: 'trace-1', end: () => void asked.push('span') }) },
    now: () => 1_000_000,
    onError: (error) => void reported.push(error),
    ...overrides,
  };
}
