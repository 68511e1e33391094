const MAX_URI_LENGTH = 8192;
const MAX_DECODINGS = 3;

/**
 * Every spelling under which a server may take the URI that a client sent, the URI itself first, so that
 * another spelling does not slip past a rule: decoded, with scheme and host normalised (RFC 3986 §6.2.2),
 * without user information, query and fragment, without doubled slashes, without a slash at the end.
 *
 * Undefined for what no rule can speak about safely: dot segments, backslashes and control characters,
 * plain or encoded, more than 8192 characters, or encoding upon encoding. Letter case in paths and Unicode
 * normalisation are left alone: where a server ignores them, a rule must be wide enough.
 */
export function uriSpellings(uri: string): readonly string[] | undefined {
  if (uri.length > MAX_URI_LENGTH) return undefined;
  const decoded = decodings(uri);
  const plainest = decoded?.at(-1);
  if (decoded === undefined || plainest === undefined || isUnsafe(plainest)) return undefined;
  const found = new Set<string>([uri]);
  for (const text of decoded) {
    for (const spelling of [text, normalise(text)]) {
      const single = withoutDoubledSlashes(spelling);
      for (const variant of [spelling, single, withoutQuery(spelling), withoutQuery(single)]) {
        found.add(variant);
        found.add(withoutTrailingSlash(variant));
      }
    }
  }
  return [...found];
}

/** The text, and what decoding makes of it until nothing is left to decode. */
function decodings(uri: string): readonly string[] | undefined {
  const found = [uri];
  let text = uri;
  for (let round = 0; round < MAX_DECODINGS; round += 1) {
    const next = decode(text);
    if (next === text) return found;
    found.push(next);
    text = next;
  }
  return decode(text) === text ? found : undefined;
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // Not UTF-8 throughout: what is ASCII is decoded all the same, as lenient servers do.
    return text.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
}

function isUnsafe(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f || code === BACKSLASH) return true;
  }
  return text.split(/[/?#]/).some((segment) => segment === '.' || segment === '..');
}

const BACKSLASH = 0x5c;

function normalise(text: string): string {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  // Neither says which resource it is: who asks, and that the host name is complete (RFC 1034 §3.1).
  url.username = '';
  url.password = '';
  if (url.hostname.endsWith('.')) url.hostname = url.hostname.slice(0, -1);
  return url.href;
}

function withoutQuery(text: string): string {
  const end = text.search(/[?#]/);
  return end === -1 ? text : text.slice(0, end);
}

function withoutDoubledSlashes(text: string): string {
  const authority = text.indexOf('://');
  const start = authority === -1 ? 0 : authority + 3;
  return text.slice(0, start) + text.slice(start).replace(/\/{2,}/g, '/');
}

function withoutTrailingSlash(text: string): string {
  return text.endsWith('/') ? text.slice(0, -1) : text;
}
