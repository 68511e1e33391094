import type { RawResponse } from './wire.ts';

/** A `WWW-Authenticate` challenge, taken apart. */
export interface ParsedChallenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Reads the one challenge of an answer by the grammar of RFC 9110 §11.6.1 and fails on whatever else there is:
 * a second field, a second challenge, a parameter twice, an unquoted or unterminated value.
 */
export function parseChallenge({ headers }: Pick<RawResponse, 'headers'>): ParsedChallenge {
  const field = headers['www-authenticate'];
  if (typeof field !== 'string') throw new Error(`expected one WWW-Authenticate field, got ${String(field)}`);
  const [, scheme = '', list = ''] = /^([A-Za-z]+)(?: (.*))?$/s.exec(field) ?? [];
  const parameters: Record<string, string> = {};
  let rest = list;
  while (rest !== '') {
    const found = /^([a-z_]+)="((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*)"(?:, (?=.)|$)/.exec(rest);
    if (found === null) throw new Error(`not a list of quoted parameters: ${rest}`);
    const [whole, name = '', value = ''] = found;
    if (Object.hasOwn(parameters, name)) throw new Error(`${name} stands there twice`);
    parameters[name] = value.replace(/\\(.)/g, '$1');
    rest = rest.slice(whole.length);
  }
  return { scheme, parameters };
}

/** The scopes a challenge asks for, sorted; undefined when it asks for none. */
export function scopesAskedBy(answer: Pick<RawResponse, 'headers'>): readonly string[] | undefined {
  return parseChallenge(answer).parameters['scope']?.split(' ').toSorted();
}
