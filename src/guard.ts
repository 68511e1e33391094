import type { AuditSink } from './audit/audit-sink.ts';
import type { CallSpan, CallTracer } from './audit/call-tracer.ts';
import type { AuthProvider } from './authn/auth-provider.ts';
import type { Authorizer } from './authz/authorizer.ts';
import type { TargetDirectory } from './authz/target-directory.ts';
import type { Admission, Caller, MessageFacts } from './core/admission.ts';
import type { Clock } from './core/clock.ts';
import { MCPAuthError, retryAfterOf } from './core/errors.ts';
import { type Refusal, refuse } from './core/refusal.ts';
import type { RequestContext } from './core/request-context.ts';
import { createAuditTrail } from './guard/audit-trail.ts';
import { authenticate } from './guard/authenticate.ts';
import { authorize, refuseHidden } from './guard/authorize.ts';
import { checkFailures } from './guard/check-failures.ts';
import { checkExpiry, checkMessage } from './guard/check-message.ts';
import { checkRevoked } from './guard/check-revoked.ts';
import { limitCalls } from './guard/limit-calls.ts';
import { createConcurrencyLimit, isLasting } from './guard/limit-concurrency.ts';
import { type Arrival, type Passage, runSteps, type Step, type StepResult } from './guard/passage.ts';
import { type CredentialOptions, NO_TOKEN, resolveCredential } from './guard/resolve-credential.ts';
import { resolveTenant } from './guard/resolve-tenant.ts';
import type { CallLimits, FailureLimit } from './limits/call-limits.ts';
import type { TenantResolver } from './tenancy/tenant-resolver.ts';

export interface GuardParts {
  /** Name of the server guarded, for targets and the audit log. */
  readonly server: string;
  readonly provider: AuthProvider;
  readonly failures: FailureLimit;
  /** Whether the credential of a request was taken back by the operator. */
  readonly isRevoked: (context: RequestContext) => boolean;
  readonly tenants?: TenantResolver | undefined;
  readonly limits: CallLimits;
  /** Calls of one principal that may run at once; unlimited when absent. */
  readonly concurrency?: number | undefined;
  readonly authorizer: Authorizer;
  readonly directory: TargetDirectory;
  readonly credentials?: CredentialOptions | undefined;
  readonly audit: AuditSink;
  readonly tracer: CallTracer;
  readonly now: Clock;
  /** Told of what should not happen; the request is refused all the same. */
  readonly onError: (error: unknown) => void;
}

/** The pipeline in front of one server. Everything it refuses is recorded; nothing it has not admitted runs. */
export interface Guard {
  /** Who is asking, from headers alone. */
  arrive(context: RequestContext): Promise<Caller | Refusal>;
  /** Refuses someone whose proof failed before a provider could be asked: counted against the address, and recorded. */
  turnAway(context: RequestContext, refusal: Refusal): Promise<Refusal>;
  /** Whether this message may run now; one call per JSON-RPC message. */
  admit(caller: Caller, facts: MessageFacts): Promise<Admission | Refusal>;
  readonly authorizer: Authorizer;
  /** Messages admitted and not yet settled, but for streams that are meant to last. */
  readonly running: number;
  /** Ends what has not ended by itself, streams too, so that every outcome is on record. For shutdown. */
  abandonAll(): Promise<void>;
}

export function createGuard(parts: GuardParts): Guard {
  const trail = createAuditTrail(parts.audit, parts.server, parts.now);
  const allowsAnonymous = parts.authorizer.allowsAnonymous === true;

  const failureCheck = checkFailures(parts.failures, parts.provider);
  const arrivalSteps: readonly Step<Arrival>[] = [
    trail.checkCapacity,
    failureCheck.enter,
    checkRevoked(parts.isRevoked),
    authenticate({ provider: parts.provider, failures: parts.failures, allowsAnonymous }),
    resolveTenant(parts.tenants),
  ];
  const concurrency = createConcurrencyLimit(parts.concurrency);
  const messageSteps: readonly Step<Passage>[] = [
    trail.checkCapacity,
    checkMessage,
    checkExpiry(parts.now),
    limitCalls(parts.limits),
    authorize(parts.authorizer, parts.directory),
    resolveCredential(parts.credentials),
    concurrency.enter,
    refuseHidden,
  ];

  const admitted = new Set<Admission>();

  return {
    authorizer: parts.authorizer,
    get running() {
      return [...admitted].filter(({ facts }) => !isLasting(facts.method)).length;
    },

    async abandonAll() {
      await Promise.allSettled(
        [...admitted].map(async ({ settle }) => settle({ ok: false, error: 'aborted' })),
      );
    },

    async arrive(context) {
      const arrival: Arrival = { context, authenticated: false };
      const attempted = attempt(arrivalSteps, arrival, parts.onError);
      const refusal = attempted instanceof Promise ? await attempted : attempted;
      failureCheck.leave(arrival);
      if (refusal === undefined && arrival.principal !== undefined) {
        return { principal: arrival.principal, context, authenticated: arrival.authenticated };
      }
      const refused = refusal ?? refuse('INTERNAL_ERROR', 'Internal error', { detail: 'no principal' });
      await record(trail.refusedArrival(arrival, refused));
      return refused;
    },

    async turnAway(context, found) {
      const arrival: Arrival = { context, authenticated: false };
      const blocked = await attempt([trail.checkCapacity, failureCheck.enter], arrival, parts.onError);
      failureCheck.leave(arrival);
      const address = context.remoteAddress;
      if (blocked === undefined && address !== undefined) parts.failures.record(address);
      const refused = blocked ?? found;
      await record(trail.refusedArrival(arrival, refused));
      return refused;
    },

    async admit(caller, facts) {
      const span = parts.tracer.start(caller, facts);
      const passage: Passage = { caller, facts };
      const attempted = attempt(messageSteps, passage, parts.onError);
      const refusal = attempted instanceof Promise ? await attempted : attempted;
      if (refusal !== undefined) {
        concurrency.leave(passage);
        span.end(refusal);
        await record(trail.refusedMessage({ caller, facts, refusal, traceId: span.traceId }));
        return refusal;
      }
      return admission(passage, span);
    },
  };

  /** A refusal stands, recorded or not; that it was not is reported, and the log that is full refuses what comes next. */
  async function record(written: void | Promise<void>): Promise<void> {
    try {
      await written;
    } catch (error) {
      parts.onError(error);
    }
  }

  function admission(passage: Passage, span: CallSpan): Admission {
    const { caller, facts } = passage;
    const startedAt = parts.now();
    let recording: Promise<void> | undefined;
    const issued: Admission = {
      facts,
      caller,
      upstreamToken: passage.upstreamToken ?? NO_TOKEN,
      settle(outcome) {
        if (!admitted.delete(issued)) return recording;
        concurrency.leave(passage, outcome);
        span.end(outcome);
        const written = trail.settled({ caller, facts, outcome, startedAt, traceId: span.traceId });
        // Those who have nobody to answer do not wait for it.
        if (written instanceof Promise) {
          recording = written;
          written.catch(parts.onError).finally(() => {
            recording = undefined;
          });
        }
        return written;
      },
    };
    admitted.add(issued);
    return issued;
  }
}

/** A step that throws denies: no error of ours ever lets a request through. */
function attempt<State>(
  steps: readonly Step<State>[],
  state: State,
  onError: (error: unknown) => void,
): StepResult | Promise<StepResult> {
  try {
    const result = runSteps(steps, state);
    return result instanceof Promise ? result.catch((error: unknown) => deny(error, onError)) : result;
  } catch (error) {
    return deny(error, onError);
  }
}

function deny(error: unknown, onError: (error: unknown) => void): Refusal {
  if (error instanceof MCPAuthError && error.status === 503) {
    return refuse(error.code, error.message, {
      detail: error.detail,
      retryAfterSeconds: retryAfterOf(error),
    });
  }
  onError(error);
  if (isForCallers(error)) return refuse(error.code, error.message, { detail: error.detail });
  return refuse('INTERNAL_ERROR', 'Internal error', {
    detail: error instanceof Error ? error.name : 'unknown',
  });
}

const FOR_CALLERS: ReadonlySet<string> = new Set([
  'TRANSPORT_ERROR',
  'TOKEN_RESOLUTION_FAILED',
  'ACCESS_DENIED',
]);

/** What says something of the server behind, or of the caller's account there, and nothing of the gate. */
function isForCallers(error: unknown): error is MCPAuthError {
  return error instanceof MCPAuthError && FOR_CALLERS.has(error.code);
}
