import { pathToFileURL } from 'node:url';
import type { LocalIssuer } from 'mcp-gatehouse/testing';

export const PUBLIC_URL = 'https://bench.example';
export const RESOURCE = `${PUBLIC_URL}/mcp`;
export const SCOPE = 'echo';

/** An issuer on loopback, and tokens of it. RS256 verifies cheapest, which is kindest to those who verify each time. */
export interface Callers {
  readonly issuer: string;
  readonly jwksUri: string;
  /** One user each. */
  readonly tokens: readonly string[];
  /** A token that lacks the scope. */
  readonly unscoped: string;
  /** A token for somebody else. */
  readonly foreign: string;
  close(): Promise<void>;
}

export async function createCallers(dist: string, count: number): Promise<Callers> {
  const { createLocalIssuer } = (await import(
    `${pathToFileURL(dist).href}/testing/index.js`
  )) as typeof import('mcp-gatehouse/testing');
  const issuer: LocalIssuer = await createLocalIssuer({ algorithm: 'RS256' });
  const token = (subject: string, scopes: readonly string[], audience: string = RESOURCE) =>
    // mcp-auth wants a client id, fastmcp nothing: one token serves all.
    issuer.token({ subject, scopes, audience, expiresInSeconds: 12 * 3600, clientId: 'bench' });
  const tokens = await Promise.all(
    Array.from({ length: count }, (_unused, index) => token(`user-${index}`, [SCOPE])),
  );
  return {
    issuer: issuer.issuer,
    jwksUri: issuer.jwksUri,
    tokens,
    unscoped: await token('user-unscoped', ['other']),
    foreign: await token('user-foreign', [SCOPE], 'https://elsewhere.example/mcp'),
    close: () => issuer.close(),
  };
}
