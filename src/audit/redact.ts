import type { AuditEvent } from './audit-sink.ts';
import { isJsonWebToken, isOwnKey, looksRandom } from './secret-shapes.ts';

const REDACTED = '[redacted]';
const MAX_TEXT = 1024;
const MAX_NAME = 256;

/**
 * Makes a text safe to keep on one line of a log: at most `maxLength` characters, control and formatting
 * characters escaped as `\uXXXX`, and what looks like a secret replaced by `[redacted]`: JSON Web Tokens, keys of
 * the form `mcp_…`, whatever follows `Bearer`, `DPoP`, `Basic` or `ApiKey`, user information of URLs, values
 * of parameters, members and headers whose names say so, and long random strings.
 *
 * A net, not a permission: it rather takes too much, yet a secret that looks like ordinary words passes.
 * The time is linear in what is kept.
 */
export function redactText(text: string, maxLength: number = MAX_TEXT): string {
  if (text.length <= maxLength && PLAIN.test(text)) return text;
  return shorten(escapeControls(redactSecrets(cut(text, maxLength))), maxLength);
}

/** Names of methods and most tools: nothing in them to find, and they are in every event. */
const PLAIN = /^[a-z_/]{0,23}$/;

/** {@link redactText} for a tool's name or a URI, which loses its user information, query and fragment. */
export function redactTarget(target: string): string {
  const scheme = /^[a-z][a-z0-9+.-]{0,63}:/i.exec(target)?.[0];
  if (scheme === undefined) return redactText(target);
  const end = target.search(/[?#]/);
  return redactText(scheme + withoutUser(target.slice(scheme.length, end === -1 ? undefined : end)));
}

/** An identifier as it is, but on one line and at most 256 characters long. */
export function escapeName(name: string): string {
  return shorten(escapeControls(name.slice(0, MAX_NAME + 1)), MAX_NAME);
}

/** The event with every field made safe to keep, and without fields that are not of {@link AuditEvent}. */
export function redactEvent(event: AuditEvent): AuditEvent {
  return {
    time: safe(event.time, escapeName) ?? '',
    type: event.type,
    outcome: event.outcome,
    code: safe(event.code, escapeName),
    detail: safe(event.detail, redactText),
    requestId: safe(event.requestId, escapeName),
    traceId: safe(event.traceId, escapeName),
    server: safe(event.server, escapeName),
    method: safe(event.method, redactText),
    target: safe(event.target, redactTarget),
    issuer: safe(event.issuer, escapeName),
    subject: safe(event.subject, escapeName),
    tenantId: safe(event.tenantId, escapeName),
    clientId: safe(event.clientId, escapeName),
    remoteAddress: safe(event.remoteAddress, escapeName),
    transport: safe(event.transport, escapeName),
    durationMs: event.durationMs,
  };
}

// Callers without types may pass anything; what is no text is left out rather than written as it is.
function safe(value: unknown, make: (text: string) => string): string | undefined {
  return typeof value === 'string' ? make(value) : undefined;
}

/** The beginning of a long text, without the word that is cut in two: half a token is no longer recognised. */
function cut(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  let end = maxLength;
  while (end > 0 && isWordCode(text.charCodeAt(end - 1))) end -= 1;
  return `${text.slice(0, end)}…`;
}

function shorten(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
}

// Cf holds what reorders or hides text (bidirectional marks, zero width), Zl and Zp break lines.
const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Printable ASCII, found faster than what is not. */
const PRINTABLE = /^[ -~]*$/;

function escapeControls(text: string): string {
  if (PRINTABLE.test(text)) return text;
  return text.replace(CONTROLS, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

function withoutUser(rest: string): string {
  const start = skip(rest, 0, (code) => code === SLASH || code === BACKSLASH);
  if (start === 0) return rest;
  const end = skip(rest, start, (code) => code !== SLASH && code !== BACKSLASH);
  const length = rest.slice(start, end).lastIndexOf('@');
  return length < 0 ? rest : rest.slice(0, start) + rest.slice(start + length + 1);
}

/**
 * Reads words (runs of the characters that tokens and keys are made of) and judges each by its shape and
 * by what surrounds it. Every step goes on after what it has read.
 */
function redactSecrets(text: string): string {
  let kept = '';
  let from = 0;
  let at = 0;
  while (at < text.length) {
    const end = skip(text, at, isWordCode);
    if (end === at) {
      at += 1;
      continue;
    }
    const found = findSecret(text, at, end);
    if (found === undefined) {
      at = end;
      continue;
    }
    kept += text.slice(from, found.start) + REDACTED;
    from = found.end;
    at = found.end;
  }
  return kept + text.slice(from);
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** The secret that is the word from `start` to `end`, or that the word announces. */
function findSecret(text: string, start: number, end: number): Span | undefined {
  const word = text.slice(start, end);
  if (isJsonWebToken(word) || isOwnKey(word) || looksRandom(word)) return { start, end };
  return (
    findNamedValue(text, start, end) ??
    findCredential(text, word, end) ??
    (text.startsWith('://', end) ? findUser(text, end + 3) : undefined)
  );
}

/** Names whose value is a secret wherever it stands: the end of the name, without separators. */
const SECRET_NAMES =
  /(?:token|secret|passw(?:or)?d|passphrase|pwd|apikey|accesskey|secretkey|privatekey|signature|assertion|verifier|authorization|sessionid|cookie|credentials?|jwt)$/;
/** Names that say so in a URL and are ordinary words elsewhere. */
const QUERY_NAMES: ReadonlySet<string> = new Set([
  'code',
  'state',
  'key',
  'auth',
  'sid',
  'session',
  'sig',
  'ticket',
  'otp',
]);
/** Headers: their whole line is the value. */
const HEADER_NAMES: ReadonlySet<string> = new Set([
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'xapikey',
  'xsessionid',
]);
/** Names with a hyphen that end so are those of headers, whoever made them up. */
const HEADER_ENDING = /-(?:token|key)$/i;
const MAX_SECRET_NAME = 64;

function findNamedValue(text: string, start: number, end: number): Span | undefined {
  const sign = findSign(text, end);
  if (sign === undefined || end - start > MAX_SECRET_NAME) return undefined;
  const word = text.slice(start, end);
  const name = word.toLowerCase().replace(/[-_.]/g, '');
  const isQuery = text[sign] === '=' && '?&#'.includes(text[start - 1] ?? ' ');
  const isHeader = HEADER_NAMES.has(name) || (text[sign] === ':' && HEADER_ENDING.test(word));
  if (!isHeader && !SECRET_NAMES.test(name) && !(isQuery && QUERY_NAMES.has(name))) return undefined;
  // In prose a colon follows many a word; only headers and quoted names have values after it.
  if (text[sign] === ':' && !isHeader && !isQuoteCode(text.charCodeAt(end))) return undefined;
  const open = skip(text, sign + 1, isSpace);
  const value = skip(text, open, isQuoteCode);
  const valueEnd = endOfValue(text, value, { isQuoted: value > open, isHeader });
  return valueEnd === value ? undefined : { start: value, end: valueEnd };
}

/** Where `=` or `:` stands after a name that ends at `end`, quoted or not. */
function findSign(text: string, end: number): number | undefined {
  const sign = skip(text, skip(text, end, isQuoteCode), isSpace);
  return text[sign] === '=' || text[sign] === ':' ? sign : undefined;
}

interface ValueStyle {
  readonly isQuoted: boolean;
  readonly isHeader: boolean;
}

function endOfValue(text: string, start: number, { isQuoted, isHeader }: ValueStyle): number {
  if (isQuoted) return skip(text, start, (code) => !isQuoteCode(code));
  if (isHeader) return skip(text, start, (code) => code !== LF && code !== CR);
  const end = skip(text, start, (code) => !isSpace(code) && !isQuoteCode(code) && !VALUE_ENDS.has(code));
  return findCredential(text, text.slice(start, end), end)?.end ?? end;
}

const SCHEMES: ReadonlySet<string> = new Set(['bearer', 'dpop', 'basic', 'apikey']);
/** What follows a scheme's name in prose. */
const PROSE =
  /^(?:tokens?|proofs?|credentials?|schemes?|headers?|challenges?|keys?|auth|authentication|is|was|realm)$/i;

function findCredential(text: string, word: string, end: number): Span | undefined {
  if (word.length > 6 || !SCHEMES.has(word.toLowerCase())) return undefined;
  const start = skip(text, end, isSpace);
  if (start === end) return undefined;
  const valueEnd = skip(text, start, isCredentialCode);
  if (valueEnd === start || PROSE.test(text.slice(start, valueEnd))) return undefined;
  return { start, end: valueEnd };
}

function findUser(text: string, start: number): Span | undefined {
  const end = skip(text, start, (code) => !isSpace(code) && !isQuoteCode(code) && !AUTHORITY_ENDS.has(code));
  // Only what lies between is searched: backwards through the whole text would take quadratic time.
  const length = text.slice(start, end).lastIndexOf('@');
  return length < 1 ? undefined : { start, end: start + length };
}

function skip(text: string, from: number, isPart: (code: number) => boolean): number {
  let at = from;
  while (at < text.length && isPart(text.charCodeAt(at))) at += 1;
  return at;
}

const codesOf = (characters: string): ReadonlySet<number> =>
  new Set([...characters].map((character) => character.charCodeAt(0)));

const LF = 0x0a;
const CR = 0x0d;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const WORD_SIGNS = codesOf('-._~+%');
const CREDENTIAL_SIGNS = codesOf('-._~+%/=:');
const VALUE_ENDS = codesOf('&;,<>()[]{}#');
const AUTHORITY_ENDS = codesOf('/?#<>\\');
const QUOTES = codesOf('"\'`\\');

function isAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

function isWordCode(code: number): boolean {
  return isAlphanumeric(code) || WORD_SIGNS.has(code);
}

function isCredentialCode(code: number): boolean {
  return isAlphanumeric(code) || CREDENTIAL_SIGNS.has(code);
}

// A backslash stands before a quote inside a quoted text.
function isQuoteCode(code: number): boolean {
  return QUOTES.has(code);
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d) || code === 0xa0;
}
