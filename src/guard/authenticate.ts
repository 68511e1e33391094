import type { AuthProvider, AuthResult } from '../authn/auth-provider.ts';
import { ANONYMOUS } from '../core/principal.ts';
import { type Refusal, refuse } from '../core/refusal.ts';
import type { RequestContext } from '../core/request-context.ts';
import type { FailureLimit } from '../limits/call-limits.ts';
import type { Arrival, Step, StepResult } from './passage.ts';

export interface AuthenticateOptions {
  readonly provider: AuthProvider;
  readonly failures: FailureLimit;
  /** Whether someone without a credential goes on as the anonymous principal. */
  readonly allowsAnonymous: boolean;
}

/** Step 1: who is asking. A provider that throws could not check: 503, never a pass. */
export function authenticate(options: AuthenticateOptions): Step<Arrival> {
  return (arrival) => {
    try {
      const known = options.provider.recall?.(arrival.context);
      return known === undefined ? ask(options, arrival) : apply(options, arrival, known);
    } catch (error) {
      return threw(error);
    }
  };
}

async function ask(options: AuthenticateOptions, arrival: Arrival): Promise<StepResult> {
  let result: AuthResult;
  try {
    result = await options.provider.authenticate(arrival.context);
  } catch (error) {
    return threw(error);
  }
  return apply(options, arrival, result);
}

function threw(error: unknown): Refusal {
  return unavailable(error instanceof Error ? error.name : 'provider threw');
}

function apply(options: AuthenticateOptions, arrival: Arrival, result: AuthResult): StepResult {
  if (result.authenticated) {
    if (result.principal === undefined) return unavailable('the provider named nobody');
    arrival.principal = result.principal;
    arrival.authenticated = true;
    return undefined;
  }
  if (result.reason === 'unavailable') return unavailable(result.error);
  if (isAbsent(result, arrival.context)) return absent(options, arrival);
  const address = arrival.context.remoteAddress;
  if (address !== undefined) options.failures.record(address);
  // A provider may look at more than the credentials that the gate knows.
  const code = arrival.context.credential === undefined ? 'AUTHENTICATION_FAILED' : 'INVALID_TOKEN';
  return refuse(code, result.error ?? 'The credential is not valid');
}

// Providers written for the seed give no reason; without any credential in sight they mean "absent".
function isAbsent(result: AuthResult, context: RequestContext): boolean {
  return result.reason === 'absent' || (result.reason === undefined && context.credential === undefined);
}

function absent(options: AuthenticateOptions, arrival: Arrival): StepResult {
  if (!options.allowsAnonymous) return refuse('MISSING_CREDENTIALS', 'A credential is required');
  arrival.principal = ANONYMOUS;
  return undefined;
}

function unavailable(detail: string | undefined): Refusal {
  return refuse('AUTHENTICATION_UNAVAILABLE', 'Credentials cannot be checked at the moment', {
    detail,
    retryAfterSeconds: 5,
  });
}
