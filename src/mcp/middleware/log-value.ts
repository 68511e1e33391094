import { toLogText } from '../tool-text.ts';

const MAX_DEPTH = 5;
const MAX_ENTRIES = 50;
const MAX_VALUES = 500;
const MAX_TEXT = 500;
const REDACTED = '[redacted]';

/** Names whose values are never logged, wherever they stand in a name: `accessToken`, `X-API-Key`. */
const SECRET_NAME =
  /pass(?:word|phrase|wd|code)|secret|token|(?:api|private)[-_ ]?key|authoriz|auth$|credential|cookie|session|signature|jwt|cvv|cvc|(?:^|[^a-z])(?:auth|otp|pin|ssn)(?:$|[^a-z])/i;

/**
 * A copy of tool arguments or a result that may be logged: values of secret-looking names, secrets
 * recognised in text and the upstream token are gone, and size and depth are bounded. Anything may be
 * passed, also cycles and objects whose getters throw.
 */
export function toLogValue(value: unknown, accessToken: string): unknown {
  let left = MAX_VALUES;
  return copy(value, 0);

  function copy(item: unknown, depth: number): unknown {
    if (left <= 0) return '…';
    left -= 1;
    if (typeof item === 'string') return toLogText(item, accessToken, MAX_TEXT);
    if (item === null || typeof item === 'number' || typeof item === 'boolean') return item;
    if (typeof item !== 'object') return item === undefined ? undefined : `[${typeof item}]`;
    if (depth >= MAX_DEPTH) return '…';
    try {
      return copyObject(item, depth);
    } catch {
      return '[unreadable]';
    }
  }

  function copyObject(item: object, depth: number): unknown {
    if (ArrayBuffer.isView(item) || item instanceof ArrayBuffer) return `[${item.byteLength} bytes]`;
    if (item instanceof Error) return { error: toLogText(item.message, accessToken, MAX_TEXT) };
    if (hasToJson(item)) return copy(item.toJSON(), depth + 1);
    if (Array.isArray(item)) {
      const items = item.slice(0, MAX_ENTRIES).map((entry) => copy(entry, depth + 1));
      return item.length > MAX_ENTRIES ? [...items, `… ${item.length - MAX_ENTRIES} more`] : items;
    }
    return copyEntries(item, depth);
  }

  function copyEntries(item: object, depth: number): Record<string, unknown> {
    const names = Object.keys(item);
    const entries = names.slice(0, MAX_ENTRIES).map((name): [string, unknown] => {
      const shown = toLogText(name, accessToken, MAX_TEXT);
      return [
        shown,
        SECRET_NAME.test(name) ? REDACTED : copy((item as Record<string, unknown>)[name], depth + 1),
      ];
    });
    if (names.length > MAX_ENTRIES) entries.push(['…', `${names.length - MAX_ENTRIES} more`]);
    return Object.fromEntries(entries);
  }
}

function hasToJson(item: object): item is { toJSON(): unknown } {
  return 'toJSON' in item && typeof item.toJSON === 'function';
}
