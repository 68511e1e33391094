/** Upstream tokens name whom they were issued to, so that a server can tell whose it was given. */
const PREFIX = 'upstream-token-of-';

/** The upstream token of a user. */
export function upstreamTokenOf(user: string): string {
  return `${PREFIX}${user}`;
}

/** Whose a token is; whoever comes without one is told so in every answer. */
export function ownerOf(token: string): string {
  return token.startsWith(PREFIX) ? token.slice(PREFIX.length) : `nobody (${token})`;
}
