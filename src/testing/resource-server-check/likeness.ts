import { findHeader, type HeaderList, type RawResponse } from './exchange.ts';
import { readMessages } from './messages.ts';

/** What may differ between two answers to the same request. */
const VOLATILE_HEADERS = [
  'date',
  'age',
  'connection',
  'keep-alive',
  'content-length',
  'etag',
  'server-timing',
  'set-cookie',
  'traceparent',
  'tracestate',
  'retry-after',
];
const VOLATILE_ENDINGS = ['request-id', 'correlation-id', 'trace-id'];
const VOLATILE_BEGINNINGS = ['ratelimit', 'x-ratelimit', 'x-rate-limit', 'cf-', 'x-amz', 'x-envoy'];

const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi;
const LONG_HEX = /\b[0-9a-f]{16,}\b/gi;
const TIME = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g;

/**
 * In what two answers differ that should be the same but for dates, request ids and, when `names` are
 * given, the one name in the first and the other in the second. Undefined when they do not.
 */
export function findDifference(
  first: RawResponse,
  second: RawResponse,
  names?: readonly [string, string],
): string | undefined {
  if (first.status !== second.status) return 'their status';
  const left = lasting(first.headers, names?.[0]);
  const right = lasting(second.headers, names?.[1]);
  if (left !== right) return 'their headers';
  const isSame = steady(content(first), names?.[0]) === steady(content(second), names?.[1]);
  return isSame ? undefined : 'their bodies';
}

/** The ids of an event stream's events differ from stream to stream; its messages count. */
function content(response: RawResponse): string {
  const type = findHeader(response.headers, 'content-type') ?? '';
  return type.startsWith('text/event-stream') ? JSON.stringify(readMessages(response)) : response.body;
}

function lasting(headers: HeaderList, name: string | undefined): string {
  return headers
    .filter(([key]) => !isVolatile(key.toLowerCase()))
    .map(([key, value]) => `${key.toLowerCase()}: ${steady(value, name)}`)
    .sort()
    .join('\n');
}

function isVolatile(key: string): boolean {
  return (
    VOLATILE_HEADERS.includes(key) ||
    VOLATILE_ENDINGS.some((ending) => key.endsWith(ending)) ||
    VOLATILE_BEGINNINGS.some((beginning) => key.startsWith(beginning))
  );
}

function steady(text: string, name: string | undefined): string {
  const named = name === undefined ? text : withoutName(text, name);
  return named.replace(UUID, '<id>').replace(LONG_HEX, '<id>').replace(TIME, '<time>');
}

/** Replaces a name where it stands alone, so that a short one does not damage the words around it. */
function withoutName(text: string, name: string): string {
  let result = '';
  let from = 0;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, from)) {
    const end = at + name.length;
    const standsAlone = !isWordCharacter(text[at - 1]) && !isWordCharacter(text[end]);
    result += text.slice(from, at) + (standsAlone ? '<name>' : name);
    from = end;
  }
  return result + text.slice(from);
}

function isWordCharacter(character: string | undefined): boolean {
  return character !== undefined && /\w/.test(character);
}

/** A name or URI of the same length and shape, which nothing bears. */
export function toAbsentName(name: string): string {
  const start = name.indexOf('://') + 1;
  const letters = 'qzxjkvwy';
  const rest = [...name.slice(start)].map((character, index) =>
    /[A-Za-z0-9]/.test(character) ? letters[index % letters.length] : character,
  );
  return name.slice(0, start) + rest.join('');
}
