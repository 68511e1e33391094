import { TenantUnavailableError } from './identity-source.ts';

const TIMEOUT_MS = 5000;

export interface TenantAnswer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>> | readonly unknown[];
}

/** @throws TenantUnavailableError for no answer in time, a failure of the tenant's own, and what is no JSON */
export async function askTenant(url: string, init: RequestInit = {}): Promise<TenantAnswer> {
  try {
    const response = await fetch(url, {
      ...init,
      // A credential is in there: it goes nowhere else.
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const isFailure = response.status >= 500 || response.status === 429;
    const json: unknown = isFailure ? undefined : await response.json();
    if (typeof json !== 'object' || json === null) throw new Error(`status ${response.status}`);
    return { status: response.status, json: json as TenantAnswer['json'] };
  } catch (cause) {
    throw new TenantUnavailableError('The tenant does not answer', { cause });
  }
}

/** A field of an answer, where it is text. */
export function textOf({ json }: TenantAnswer, name: string): string | undefined {
  const value: unknown = Array.isArray(json) ? undefined : (json as Record<string, unknown>)[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
