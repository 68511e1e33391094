import type { ServerResponse } from 'node:http';
import { type Clock, systemClock } from '../core/clock.ts';
import { ConfigurationError } from '../core/errors.ts';
import { KeyRing } from './issuer-keys.ts';
import { createIssuerServer, type IssuerRequests } from './issuer-server.ts';

export interface LocalIssuerOptions {
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** Loopback only. Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** What it signs with unless told otherwise. Default ES256. */
  readonly algorithm?: string | undefined;
  /** Path of the issuer, such as `/tenant`. Default none. */
  readonly path?: string | undefined;
  readonly now?: Clock | undefined;
}

export interface SignOptions {
  /** Default 900. Negative for a token that has expired. */
  readonly expiresInSeconds?: number | undefined;
  /** `null` for none. Default `at+jwt`. */
  readonly typ?: string | null | undefined;
  /** Any asymmetric JWS algorithm; its key is made and published on first use. */
  readonly alg?: string | undefined;
  /** What the header names, in place of the key's own id; `null` for none. */
  readonly kid?: string | null | undefined;
  /** More header parameters. */
  readonly header?: Readonly<Record<string, unknown>> | undefined;
}

export interface TokenInit extends SignOptions {
  readonly subject: string;
  readonly audience: string | readonly string[];
  readonly scopes?: readonly string[] | undefined;
  /** The claim `tenant`. */
  readonly tenant?: string | undefined;
  readonly clientId?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly permissions?: readonly string[] | undefined;
  /** More claims; they win over the others. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
}

export interface LocalIssuer {
  readonly issuer: string;
  readonly jwksUri: string;
  /** What has been asked so far. */
  readonly requests: IssuerRequests;
  /** Signs claims after adding iss, iat and exp; a claim given as `undefined` is left out. */
  sign(claims: Readonly<Record<string, unknown>>, options?: SignOptions): Promise<string>;
  /** An access token after RFC 9068. */
  token(init: TokenInit): Promise<string>;
  /** The current public key (SubjectPublicKeyInfo). */
  publicKeyPem(algorithm?: string): Promise<string>;
  rotateKeys(options?: { readonly keepOld?: boolean }): Promise<void>;
  close(): Promise<void>;
}

/**
 * An issuer for tests and demonstrations: random keys, loopback only, metadata at every well-known place.
 * It signs whatever it is asked to: never let a production server trust it.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) for a host beyond loopback or an unusable path.
 */
export async function createLocalIssuer(options: LocalIssuerOptions = {}): Promise<LocalIssuer> {
  const { algorithm = 'ES256', host = '127.0.0.1', now = systemClock, path = '', port = 0 } = options;
  if (!/^(?:\/[A-Za-z0-9._~-]+)*$/.test(path))
    throw new ConfigurationError('path must look like /name or /name/name');
  const ring = new KeyRing();
  await ring.current(algorithm);
  const requests = { metadata: 0, jwks: 0, total: 0 };
  const documents = new Map<string, () => unknown>();
  const server = await createIssuerServer(
    (request, response) => {
      requests.total += 1;
      const document = documents.get(request.url ?? '');
      answer(response, document?.());
    },
    { host, port },
  );
  const issuer = `${server.origin}${path}`;
  const jwksUri = `${issuer}/jwks`;
  publish(documents, { issuer, jwksUri, origin: server.origin, path, ring, requests });
  const sign = createSigner({ algorithm, issuer, now, ring });
  return {
    issuer,
    jwksUri,
    requests,
    sign,
    token: (init) => sign(accessTokenClaims(init), init),
    publicKeyPem: async (alg = algorithm) => (await ring.current(alg)).publicPem,
    rotateKeys: ({ keepOld = false } = {}) => ring.rotate(keepOld),
    close: () => server.close(),
  };
}

interface Publication {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly origin: string;
  readonly path: string;
  readonly ring: KeyRing;
  readonly requests: { metadata: number; jwks: number };
}

function publish(documents: Map<string, () => unknown>, publication: Publication): void {
  const { issuer, jwksUri, origin, path, requests, ring } = publication;
  const metadata = () => {
    requests.metadata += 1;
    return { issuer, jwks_uri: jwksUri };
  };
  // RFC 8414 §3.1 inserts the well-known part before the path, OpenID Connect Discovery §4 appends it.
  documents.set(`/.well-known/oauth-authorization-server${path}`, metadata);
  documents.set(`${path}/.well-known/openid-configuration`, metadata);
  documents.set(jwksUri.slice(origin.length), () => {
    requests.jwks += 1;
    return { keys: ring.published() };
  });
}

function answer(response: ServerResponse, document: unknown): void {
  response.statusCode = document === undefined ? 404 : 200;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(document ?? { error: 'not_found' }));
}

interface SignerOptions {
  readonly algorithm: string;
  readonly issuer: string;
  readonly now: Clock;
  readonly ring: KeyRing;
}

/** Signs as the issuer would, with room for every mistake a test may want. */
export function createSigner({ algorithm, issuer, now, ring }: SignerOptions): LocalIssuer['sign'] {
  return async (claims, options = {}) => {
    const { alg = algorithm, expiresInSeconds = 900, header, kid, typ = 'at+jwt' } = options;
    const key = await ring.current(alg);
    const iat = Math.floor(now() / 1000);
    return key.sign(
      { iss: issuer, iat, exp: iat + expiresInSeconds, ...claims },
      {
        ...(kid !== null && { kid: kid ?? key.kid }),
        ...(typ !== null && { typ }),
        ...header,
      },
    );
  };
}

function accessTokenClaims(init: TokenInit): Readonly<Record<string, unknown>> {
  return {
    sub: init.subject,
    aud: init.audience,
    client_id: init.clientId ?? 'local-client',
    scope: init.scopes?.join(' '),
    tenant: init.tenant,
    roles: init.roles,
    groups: init.groups,
    permissions: init.permissions,
    jti: crypto.randomUUID(),
    ...init.claims,
  };
}
