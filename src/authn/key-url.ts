const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** `undefined` for what is no absolute URL. */
export function findUrl(value: unknown): URL | undefined {
  return typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
}

export function isLoopback(url: URL): boolean {
  return LOOPBACK_HOST.test(url.hostname);
}

/** Whether keys may be fetched from there: https, or http that does not leave this machine. */
export function isTrustworthy(url: URL): boolean {
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
  return secure && url.username === '' && url.password === '';
}

/** Whether an issuer can be asked for its metadata. RFC 8414 §2: no query, no fragment. */
export function isDiscoverableIssuer(issuer: string): boolean {
  const url = findUrl(issuer);
  return url !== undefined && isTrustworthy(url) && !issuer.includes('?') && !issuer.includes('#');
}
