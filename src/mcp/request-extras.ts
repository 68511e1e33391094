import type { RequestContext } from '../core/request-context.ts';

/** What of a request the operator lets factories see. Header names are lower case. */
export interface ExtrasRules {
  readonly query: readonly string[] | 'all';
  readonly headers: readonly string[];
}

/** Query parameters and headers for factories: the client's word. */
export interface RequestExtras {
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

const MAX_QUERY = 32;

export function readExtras(context: RequestContext, rules: ExtrasRules): RequestExtras {
  // RFC 6750 §2.3 puts tokens there. None is taken from there, and none is passed on either.
  const { access_token: _token, ...query } = context.query ?? {};
  const names = rules.query === 'all' ? Object.keys(query).slice(0, MAX_QUERY) : rules.query;
  return { query: pick(query, names), headers: pick(context.headers ?? {}, rules.headers) };
}

function pick(
  values: Readonly<Record<string, string | string[] | undefined>>,
  names: readonly string[],
): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (typeof value === 'string') picked[name] = value;
  }
  return picked;
}
