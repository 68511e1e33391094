import type { RawResponse } from './exchange.ts';
import { findJwt } from './tokens.ts';

/** Something a response should not have held. */
export interface Leak {
  readonly kind: 'token' | 'stack';
  /** Plain words: the request, and where in its answer the thing stood. */
  readonly where: string;
}

/**
 * What every response of a run is held against, as it comes in. Responses are not kept. Tokens must be
 * made known before they are sent.
 */
export interface Ledger {
  protect(token: string): void;
  record(label: string, response: RawResponse): void;
  readonly leaks: readonly Leak[];
  /** Responses recorded so far. */
  readonly count: number;
  /** Text of the server's, made fit to print: short, printable ASCII, and without any token. */
  quote(text: string): string;
}

/** A slice this long cannot occur by chance, and is enough to recognise a token by. */
const SLICE_LENGTH = 24;
const MIN_TOKEN_LENGTH = 8;
const QUOTE_LENGTH = 160;

const STACK_MARKS: readonly RegExp[] = [
  // Every repetition is bounded: a server under test must not decide how long its answer is looked at.
  /\n[ \t]{1,16}at [^\n]{1,300}:\d{1,9}:\d/,
  /\bat [^\n]{1,300}\.[cm]?[jt]s:\d{1,9}:\d/,
  /\/node_modules\//,
  /Traceback \(most recent call last\)/,
  /\bgoroutine \d{1,9} \[/,
  /\bat [\w.$]{1,300}\(\w{1,100}\.java:\d{1,9}\)/,
];

/** An empty ledger. */
export function createLedger(): Ledger {
  const slices = new Set<string>();
  const shortTokens = new Set<string>();
  const leaks: Leak[] = [];
  let count = 0;

  const holdsToken = (text: string): boolean => {
    for (const token of shortTokens) if (text.includes(token)) return true;
    for (let at = 0; at + SLICE_LENGTH <= text.length; at += 1) {
      if (slices.has(text.slice(at, at + SLICE_LENGTH))) return true;
    }
    return false;
  };

  return {
    leaks,
    get count() {
      return count;
    },
    protect(token) {
      const secret = secretPart(token);
      if (secret.length >= SLICE_LENGTH) {
        for (let at = 0; at + SLICE_LENGTH <= secret.length; at += 1) {
          slices.add(secret.slice(at, at + SLICE_LENGTH));
        }
      } else if (secret.length >= MIN_TOKEN_LENGTH) {
        shortTokens.add(secret);
      }
    },
    record(label, response) {
      count += 1;
      for (const [name, value] of response.headers) {
        if (holdsToken(value)) leaks.push({ kind: 'token', where: `the ${name} header of ${label}` });
      }
      if (holdsToken(response.body)) leaks.push({ kind: 'token', where: `the body of ${label}` });
      if (response.status >= 400 && STACK_MARKS.some((mark) => mark.test(response.body))) {
        leaks.push({ kind: 'stack', where: `the body of ${label}` });
      }
    },
    quote: (text) => (holdsToken(text) ? '[withheld: it holds a token]' : toPrintable(text)),
  };
}

/** The header of a JWT is no secret, and other tokens of the same issuer begin with it too. */
function secretPart(token: string): string {
  const jwt = findJwt(token);
  return jwt === undefined ? token : `${jwt.parts[1]}.${jwt.parts[2]}`;
}

/** What a server sends must not drive the terminal or the page that shows the report. */
export function toPrintable(text: string): string {
  const cut = text.length > QUOTE_LENGTH ? `${text.slice(0, QUOTE_LENGTH)}…` : text;
  return cut.replace(/[^\x20-\x7e]/g, (character) =>
    character === '…' ? '...' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
