import { randomBytes, randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { CompactSign } from 'jose';
import { systemClock } from '../core/clock.ts';
import { createSigningKey, KeyRing } from './issuer-keys.ts';
import { createIssuerServer, type IssuerRequests } from './issuer-server.ts';
import { createSigner, type LocalIssuer } from './local-issuer.ts';

/**
 * What a {@link HostileIssuer} does to its callers.
 *
 * - of the connection: `down` hangs up, `error` answers 500, `silent` never answers, `slow` starts a body
 *   and never ends it, `huge` sends a body without end, `redirect` points to a place where good keys are;
 * - of the documents: `not-json`, `not-a-key-set`, `wrong-issuer`, `foreign-jwks-uri` (plain http elsewhere);
 * - of the keys: `symmetric-keys`, `private-keys`, `encryption-keys`, `mismatched-alg`, `duplicate-kids`
 *   (three wrong keys under the right name, then the right one), `too-many-keys`, `broken-keys` (beside the
 *   right one), `no-keys`.
 */
export type HostileBehaviour = 'honest' | ConnectionFault | DocumentFault | KeySetFault;

type ConnectionFault = 'down' | 'error' | 'silent' | 'slow' | 'huge' | 'redirect';
type DocumentFault = 'not-json' | 'not-a-key-set' | 'wrong-issuer' | 'foreign-jwks-uri';
type KeySetFault =
  | 'symmetric-keys'
  | 'private-keys'
  | 'encryption-keys'
  | 'mismatched-alg'
  | 'duplicate-kids'
  | 'too-many-keys'
  | 'broken-keys'
  | 'no-keys';

export interface HostileIssuer {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly requests: IssuerRequests;
  /** How many times a redirect was followed. */
  readonly redirectsFollowed: number;
  behaviour: HostileBehaviour;
  readonly sign: LocalIssuer['sign'];
  /** A token made with the symmetric key that `symmetric-keys` publishes. */
  signSymmetric(claims: Readonly<Record<string, unknown>>): Promise<string>;
  close(): Promise<void>;
}

/** An issuer on loopback that misbehaves as told, from one request to the next. */
export async function createHostileIssuer(
  options: { readonly behaviour?: HostileBehaviour | undefined } = {},
): Promise<HostileIssuer> {
  const state = await createState(options.behaviour ?? 'honest');
  const server = await createIssuerServer(
    (request, response) => respond(response, request.url ?? '', state),
    { host: '127.0.0.1', port: 0 },
  );
  state.issuer = server.origin;
  const sign = createSigner({
    algorithm: 'ES256',
    issuer: server.origin,
    now: systemClock,
    ring: state.ring,
  });
  return {
    issuer: server.origin,
    jwksUri: `${server.origin}/jwks`,
    requests: state.requests,
    get redirectsFollowed() {
      return state.redirectsFollowed;
    },
    get behaviour() {
      return state.behaviour;
    },
    set behaviour(behaviour) {
      state.behaviour = behaviour;
    },
    sign,
    signSymmetric: (claims) => signSymmetric(state, claims),
    close: () => server.close(),
  };
}

interface State {
  behaviour: HostileBehaviour;
  issuer: string;
  redirectsFollowed: number;
  readonly ring: KeyRing;
  readonly decoys: readonly Jwk[];
  readonly secret: Uint8Array;
  readonly secretKid: string;
  readonly requests: { metadata: number; jwks: number; total: number };
}

type Faults<Name extends string, Act> = Readonly<Record<Name, Act>>;

type Jwk = Readonly<Record<string, unknown>>;

async function createState(behaviour: HostileBehaviour): Promise<State> {
  const ring = new KeyRing();
  const { kid } = await ring.current('ES256');
  const decoys = await Promise.all([1, 2, 3].map(() => createSigningKey('ES256')));
  return {
    behaviour,
    issuer: '',
    redirectsFollowed: 0,
    ring,
    decoys: decoys.map((decoy) => ({ ...decoy.publicJwk, kid })),
    secret: randomBytes(32),
    secretKid: randomUUID(),
    requests: { metadata: 0, jwks: 0, total: 0 },
  };
}

function respond(response: ServerResponse, path: string, state: State): void {
  const { behaviour, requests } = state;
  requests.total += 1;
  if (path.startsWith('/elsewhere/')) state.redirectsFollowed += 1;
  else if (path === '/jwks') requests.jwks += 1;
  else requests.metadata += 1;
  if (behaviour in CONNECTIONS && !path.startsWith('/elsewhere/')) {
    CONNECTIONS[behaviour as ConnectionFault](response, path);
    return;
  }
  response.setHeader('content-type', 'application/json');
  response.end(path.endsWith('/jwks') ? keySet(state) : metadata(state));
}

function metadata(state: State): string {
  const honest = { issuer: state.issuer, jwks_uri: `${state.issuer}/jwks` };
  const { behaviour } = state;
  return behaviour in DOCUMENTS ? DOCUMENTS[behaviour as DocumentFault](honest) : JSON.stringify(honest);
}

function keySet(state: State): string {
  const { behaviour } = state;
  if (behaviour === 'not-json' || behaviour === 'not-a-key-set') return DOCUMENTS[behaviour]({});
  const honest = state.ring.published();
  const keys = behaviour in KEY_SETS ? KEY_SETS[behaviour as KeySetFault](honest, state) : honest;
  return JSON.stringify({ keys });
}

const CONNECTIONS: Faults<ConnectionFault, (response: ServerResponse, path: string) => unknown> = {
  down: (response) => response.destroy(),
  error: (response) => response.writeHead(500).end('{}'),
  silent: () => undefined,
  slow: (response) => response.writeHead(200).write('{"keys":['),
  huge: (response) => sendForever(response),
  redirect: (response, path) => response.writeHead(302, { location: `/elsewhere${path}` }).end(),
};

const DOCUMENTS: Faults<DocumentFault, (honest: object) => string> = {
  'not-json': () => '<!doctype html><title>Sign in</title>',
  'not-a-key-set': () => '[]',
  'wrong-issuer': (honest) => JSON.stringify({ ...honest, issuer: 'https://issuer.example' }),
  'foreign-jwks-uri': (honest) => JSON.stringify({ ...honest, jwks_uri: 'http://keys.example/jwks' }),
};

const KEY_SETS: Faults<KeySetFault, (keys: readonly Jwk[], state: State) => readonly unknown[]> = {
  'symmetric-keys': (_, { secret, secretKid }) => [
    { kty: 'oct', kid: secretKid, alg: 'HS256', k: Buffer.from(secret).toString('base64url') },
  ],
  'private-keys': (keys) => keys.map((key) => ({ ...key, d: key.x })),
  'encryption-keys': (keys) => keys.map((key) => ({ ...key, use: 'enc' })),
  'mismatched-alg': (keys) => keys.map((key) => ({ ...key, alg: 'ES384' })),
  'duplicate-kids': (keys, { decoys }) => [...decoys, ...keys],
  'too-many-keys': (keys) => Array.from({ length: 101 }, () => keys[0]),
  'broken-keys': (keys) => [null, 'key', { kty: 'EC', crv: 'P-256' }, { kty: 'none' }, ...keys],
  'no-keys': () => [],
};

function sendForever(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const block = ' '.repeat(64 * 1024);
  const send = (): void => {
    while (!response.destroyed && response.write(block));
  };
  response.on('drain', send);
  send();
}

function signSymmetric(state: State, claims: Readonly<Record<string, unknown>>): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  const payload = { iss: state.issuer, iat, exp: iat + 900, ...claims };
  return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'HS256', kid: state.secretKid })
    .sign(state.secret);
}
