import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CheckOptions } from '../../src/testing/resource-server-check/options.ts';
import type { DefectName, Has } from './broken-servers.ts';
import { createToyEndpoint } from './toy-endpoint.ts';
import { createToyIssuer, createToyVerifier, type ToyIssuer } from './toy-tokens.ts';

export interface ToyServer {
  /** What a judge is told about it: its address, every token and every name. */
  readonly options: CheckOptions;
  /** A fresh token that expires after so many whole seconds. */
  shortLived(seconds: number): string;
  close(): Promise<void>;
}

/** A small resource server for both protocol eras that does everything right but for the given defect. */
export async function startToyServer(defect?: DefectName): Promise<ToyServer> {
  const has: Has = (name) => name === defect;
  const issuer = createToyIssuer('https://issuer.example');
  const partner = createToyIssuer('https://partner.example');
  const revoked = new Set(['revoked']);
  let handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  const server = createServer((request, response) => {
    handle(request, response).catch(() => {
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const resource = `${origin}/mcp`;
  const verifier = createToyVerifier({ issuer, partner, resource, revoked }, has);
  handle = createToyEndpoint({ origin, resource, issuer: issuer.issuer, verifier, has });
  return {
    options: { url: resource, ...tokensOf(issuer, partner, resource), ...NAMES },
    shortLived: (seconds) =>
      issuer.issue({ ...alice(resource), exp: Math.ceil(Date.now() / 1000) + seconds }),
    close: () => closeServer(server),
  };
}

const NAMES = {
  tool: 'echo',
  scopedTool: 'write',
  hiddenTool: 'vault',
  hiddenPrompt: 'plot',
  hiddenResource: 'notes://diary',
} as const;

function alice(resource: string): Readonly<Record<string, unknown>> {
  return { sub: 'alice', aud: resource, scope: 'notes:read notes:write' };
}

function tokensOf(issuer: ToyIssuer, partner: ToyIssuer, resource: string): Partial<CheckOptions> {
  const claims = alice(resource);
  const past = Math.floor(Date.now() / 1000) - 600;
  return {
    token: issuer.issue({ ...claims, aud: ['https://other.example', resource] }),
    otherToken: issuer.issue({ ...claims, sub: 'carol' }),
    limitedToken: issuer.issue({ ...claims, scope: 'notes:read' }),
    foreignAudienceToken: ['https://other.example/mcp', `${resource}/sibling`, resource.slice(0, -1)].map(
      (aud) => issuer.issue({ ...claims, aud }),
    ),
    idToken: issuer.issue({ sub: 'alice', aud: 'toy', nonce: randomUUID() }, { typ: 'JWT' }),
    expiredToken: issuer.issue({ ...claims, exp: past }),
    revokedToken: issuer.issue({ ...claims, jti: 'revoked' }),
    foreignIssuerToken: partner.issue(claims),
    boundToken: issuer.issue({ ...claims, cnf: { jkt: randomUUID() } }),
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
