import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import { createLocalIssuer, type LocalIssuer, type SignOptions } from '../testing/local-issuer.ts';
import { JWTAuthProvider } from './jwt.ts';
import type { JWTAuthOptions } from './jwt-options.ts';
import type { TokenCheck } from './token-rules.ts';

const RESOURCE = 'https://mcp.example.com/mcp';
const INVALID = { authenticated: false, reason: 'invalid', error: 'The token is not valid' };
const ABSENT = { authenticated: false, reason: 'absent' };

let issuer: LocalIssuer;

beforeAll(async () => {
  issuer = await createLocalIssuer();
});
afterAll(() => issuer.close());

function contextOf(token: string, resource: string | undefined = RESOURCE): RequestContext {
  return {
    transport: 'http',
    timestamp: new Date(),
    credential: { kind: 'bearer', token: new Secret(token) },
    ...(resource !== undefined && { resource }),
  };
}

function createProvider(options: Partial<JWTAuthOptions> = {}): JWTAuthProvider {
  return new JWTAuthProvider({ issuer: issuer.issuer, jwksUri: issuer.jwksUri, ...options });
}

const CLAIMS = { sub: 'alice', aud: RESOURCE };
const SECRET = 'a secret that is long enough, by far';

/** A token whose payload is written by hand. */
function signText(payload: string): string {
  const encode = (text: string) => Buffer.from(text).toString('base64url');
  const content = `${encode('{"alg":"HS256"}')}.${encode(payload)}`;
  return `${content}.${createHmac('sha256', SECRET).update(content).digest('base64url')}`;
}

/** What a token made of these claims is refused for; `undefined` when it signs someone in. */
async function findFault(
  claims: Readonly<Record<string, unknown>>,
  sign: SignOptions = {},
  options: Partial<JWTAuthOptions> = {},
): Promise<TokenCheck | undefined> {
  const checks: TokenCheck[] = [];
  const provider = createProvider({ ...options, onRefused: (check) => checks.push(check) });
  const result = await provider.authenticate(contextOf(await issuer.sign(claims, sign)));
  expect(result.authenticated).toBe(checks.length === 0);
  if (!result.authenticated && checks[0] !== 'expired') expect(result).toEqual(INVALID);
  return checks[0];
}

describe('a token of the configured issuer', () => {
  it('[mcp-auth/providers.jwt] [mcp-auth/defect.jwt-verify] signs its subject in', async () => {
    const token = await issuer.token({ subject: 'alice', audience: RESOURCE, scopes: ['read', 'write'] });
    const result = await createProvider().authenticate(contextOf(token));
    expect(result).toMatchObject({
      authenticated: true,
      userId: 'alice',
      principal: {
        issuer: issuer.issuer,
        subject: 'alice',
        scopes: ['read', 'write'],
        clientId: 'local-client',
      },
    });
    expect(result.principal?.expiresAt).toBe(result.principal?.claims.exp);
  });

  it('maps roles, groups, permissions, tenant and the standard claims', async () => {
    const provider = createProvider({
      claims: {
        tenant: 'org.id',
        roles: 'realm_access.roles',
        permissions: 'https://acme.example/permissions',
      },
    });
    const token = await issuer.sign({
      ...CLAIMS,
      scp: ['read'],
      org: { id: 'acme' },
      realm_access: { roles: ['admin'] },
      groups: 'staff',
      'https://acme.example/permissions': ['notes:write'],
      azp: 'app',
      acr: 'high',
      amr: ['otp'],
      auth_time: 1_700_000_000,
      act: { sub: 'agent' },
    });
    const { principal } = await provider.authenticate(contextOf(token));
    expect(principal).toMatchObject({
      tenantId: 'acme',
      scopes: ['read'],
      roles: ['admin'],
      groups: ['staff'],
      permissions: ['notes:write'],
      clientId: 'app',
      acr: 'high',
      amr: ['otp'],
      authenticatedAt: 1_700_000_000,
      actor: { sub: 'agent' },
    });
    const nested = principal?.claims.realm_access as { readonly roles: readonly string[] } | undefined;
    expect(nested?.roles).toEqual(['admin']);
    expect(Object.isFrozen(nested?.roles)).toBe(true);
  });

  it('reads no tenant unless its claim is named', async () => {
    const token = await issuer.token({ subject: 'alice', audience: RESOURCE, tenant: 'acme' });
    const unnamed = await createProvider().authenticate(contextOf(token));
    const named = await createProvider({ claims: { tenant: 'tenant' } }).authenticate(contextOf(token));
    expect([unnamed.principal?.tenantId, named.principal?.tenantId]).toEqual([undefined, 'acme']);
  });

  it('is found in an Authorization header where no gate stands in front', async () => {
    const token = await issuer.token({ subject: 'alice', audience: RESOURCE });
    const ask = (authorization: string | string[]) =>
      createProvider().authenticate({
        transport: 'http',
        timestamp: new Date(),
        resource: RESOURCE,
        headers: { authorization },
      });
    expect(await ask(`bEaReR ${token}`)).toMatchObject({ authenticated: true });
    expect(await ask('Basic YTpi')).toEqual(ABSENT);
    expect(await ask('Bearer')).toEqual(INVALID);
    expect(await ask(`Bearer ${token} ${token}`)).toEqual(INVALID);
    expect(await ask([`Bearer ${token}`, 'Basic YTpi'])).toEqual(INVALID);
  });
});

describe('[config/jwt-rules] audience', () => {
  const wrong = [
    ['a sibling path', 'https://mcp.example.com/mcp2'],
    ['a child path', 'https://mcp.example.com/mcp/notes'],
    ['a prefix', 'https://mcp.example.com'],
    ['a substring', 'mcp.example.com/mcp'],
    ['a look-alike host', 'https://mcp.example.com.evil.example/mcp'],
    ['a trailing slash', 'https://mcp.example.com/mcp/'],
    ['a trailing dot', 'https://mcp.example.com./mcp'],
    ['other case', 'https://MCP.example.com/mcp'],
    ['another port', 'https://mcp.example.com:443/mcp'],
    ['no one', undefined],
    ['an empty list', []],
    ['a number', 7],
    ['a list with a number', [RESOURCE, 7]],
    ['an object', { 0: RESOURCE }],
  ] as const;

  it.each(wrong)('of %s is refused', async (_, aud) => {
    expect(await findFault({ ...CLAIMS, aud })).toBe('audience');
  });

  it('that lists us among others is accepted', async () => {
    expect(await findFault({ ...CLAIMS, aud: ['https://other.example', RESOURCE] })).toBeUndefined();
  });

  it('as configured replaces the resource', async () => {
    const audience = ['api://one', 'api://two'];
    expect(await findFault({ ...CLAIMS, aud: 'api://two' }, {}, { audience })).toBeUndefined();
    expect(await findFault(CLAIMS, {}, { audience })).toBe('audience');
  });

  it('fails closed when neither an audience nor a resource is known', async () => {
    const token = await issuer.sign(CLAIMS);
    const context: RequestContext = {
      transport: 'http',
      timestamp: new Date(),
      credential: { kind: 'bearer', token: new Secret(token) },
    };
    expect(await createProvider().authenticate(context)).toEqual(INVALID);
    expect(await createProvider().validate(token)).toBe(false);
    expect(await createProvider().validate(token, RESOURCE)).toBe(true);
  });
});

describe('[config/jwt-rules] lifetime', () => {
  const now = () => 1_800_000_000_000;
  const seconds = now() / 1000;
  const fault = async (claims: Readonly<Record<string, unknown>>) =>
    findFault({ ...CLAIMS, iat: seconds, exp: seconds + 60, ...claims }, {}, { now });

  it('is demanded', async () => {
    expect(await fault({ exp: undefined })).toBe('time');
    expect(await fault({ exp: 'tomorrow' })).toBe('time');
    expect(await fault({ exp: null })).toBe('time');
  });

  it('ends at exp, give or take ten seconds', async () => {
    expect(await fault({ exp: seconds - 9 })).toBeUndefined();
    expect(await fault({ exp: seconds - 10 })).toBe('expired');
  });

  it('begins at nbf and iat, give or take ten seconds', async () => {
    expect(await fault({ nbf: seconds + 10, iat: seconds + 10 })).toBeUndefined();
    expect(await fault({ nbf: seconds + 11 })).toBe('time');
    expect(await fault({ iat: seconds + 11 })).toBe('time');
    expect(await fault({ auth_time: seconds + 11 })).toBe('time');
    expect(await fault({ iat: 'now' })).toBe('time');
  });

  it('is told apart in the answer when it is over', async () => {
    const token = await issuer.sign(CLAIMS, { expiresInSeconds: -60 });
    expect(await createProvider().authenticate(contextOf(token))).toEqual({
      authenticated: false,
      reason: 'invalid',
      error: 'The token has expired',
    });
  });

  it('cannot be infinite', async () => {
    const provider = new JWTAuthProvider({ jwtSecret: SECRET });
    expect(await provider.authenticate(contextOf(signText('{"sub":"alice","exp":1e999}')))).toEqual(INVALID);
  });
});

describe('[config/jwt-rules] issuer', () => {
  it('is left to another provider when it is not ours', async () => {
    for (const iss of ['https://other.example', `${issuer.issuer}/`, '']) {
      expect(await createProvider().authenticate(contextOf(await issuer.sign({ ...CLAIMS, iss })))).toEqual(
        ABSENT,
      );
    }
  });

  it('is demanded', async () => {
    expect(await findFault({ ...CLAIMS, iss: undefined })).toBe('issuer');
    expect(await findFault({ ...CLAIMS, iss: [issuer.issuer] })).toBe('issuer');
  });
});

describe('[config/jwt-rules] kind of token', () => {
  it.each([
    ['any', null, undefined],
    ['any', 'JWT', undefined],
    ['any', 'AT+JWT', undefined],
    ['any', 'application/at+jwt', undefined],
    ['any', 'dpop+jwt', 'type'],
    ['any', 'logout+jwt', 'type'],
    ['any', '', 'type'],
    ['at+jwt', 'at+jwt', undefined],
    ['at+jwt', 'JWT', 'type'],
    ['at+jwt', null, 'type'],
    ['jwt', 'JWT', undefined],
    ['jwt', null, undefined],
    ['jwt', 'at+jwt', 'type'],
  ] as const)('profile %s judges typ %s: %s', async (profile, typ, check) => {
    expect(await findFault(CLAIMS, { typ }, { profile })).toBe(check);
  });

  it('ID tokens are refused', async () => {
    for (const name of ['nonce', 'at_hash', 'c_hash']) {
      expect(await findFault({ ...CLAIMS, [name]: 'x' }, { typ: 'JWT' })).toBe('id-token');
    }
    const options = { clientId: ['app', 'cli'] };
    expect(await findFault({ ...CLAIMS, aud: [RESOURCE, 'cli'] }, {}, options)).toBe('id-token');
    expect(await findFault(CLAIMS, {}, options)).toBeUndefined();
  });

  it('a token bound to a key is refused as a plain bearer', async () => {
    expect(await findFault({ ...CLAIMS, cnf: { jkt: 'x' } })).toBe('binding');
    expect(await findFault({ ...CLAIMS, cnf: { 'x5t#S256': 'x' } })).toBe('binding');
    expect(await findFault({ ...CLAIMS, cnf: null })).toBe('binding');
  });

  it('critical extensions are refused, known to the library or not', async () => {
    expect(await findFault(CLAIMS, { header: { crit: ['exp'], exp: 1 } })).toBe('header');
    expect(await findFault(CLAIMS, { header: { crit: ['b64'], b64: true } })).toBe('header');
  });

  it('what is no JWT, or another kind of credential, is left to other providers', async () => {
    const provider = createProvider();
    for (const token of ['opaque', 'a.b', 'a.b.c.d.e', 'mcp_0123456789abcdef_x', 'ä.b.c', '']) {
      expect(await provider.authenticate(contextOf(token))).toEqual(ABSENT);
    }
    const token = new Secret(await issuer.sign(CLAIMS));
    expect(
      await provider.authenticate({
        transport: 'http',
        timestamp: new Date(),
        resource: RESOURCE,
        headers: { authorization: `Bearer ${token.reveal()}` },
        credential: { kind: 'dpop', token, proof: '' },
      }),
    ).toEqual(ABSENT);
    expect(await provider.authenticate({ transport: 'http', timestamp: new Date() })).toEqual(ABSENT);
  });

  it('a JWT that cannot be read is refused', async () => {
    for (const token of ['a.b.c', 'e30.e30.', 'bnVsbA.e30.AAAA', `${'a'.repeat(20_000)}.b.c`]) {
      expect(await createProvider().authenticate(contextOf(token))).toEqual(INVALID);
    }
  });

  it('a token over 16 KiB is refused before anything looks into it, though it is sound', async () => {
    expect(await findFault({ ...CLAIMS, padding: 'x'.repeat(11_000) })).toBeUndefined();
    expect(await findFault({ ...CLAIMS, padding: 'x'.repeat(13_000) })).toBe('size');
  });

  it('a second spelling of the signature is refused', async () => {
    const token = await issuer.sign(CLAIMS);
    const last = token.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const twin = `${token.slice(0, -1)}${alphabet[alphabet.indexOf(last) + 1] ?? ''}`;
    expect(Buffer.from(twin.split('.')[2] ?? '', 'base64url')).toEqual(
      Buffer.from(token.split('.')[2] ?? '', 'base64url'),
    );
    expect(await createProvider().authenticate(contextOf(twin))).toEqual(INVALID);
  });
});

describe('identity', () => {
  it('[mcp-auth/defect.identity-fallback] no other claim stands in for the one that is missing', async () => {
    const others = {
      email: 'alice@example.com',
      user_id: 'alice',
      client_id: 'app',
      azp: 'app',
      uid: 'alice',
    };
    expect(await findFault({ aud: RESOURCE, ...others })).toBe('identity');
    expect(await findFault({ ...CLAIMS, ...others }, {}, { userIdClaim: 'preferred_username' })).toBe(
      'identity',
    );
    expect(await findFault({ ...CLAIMS, 'user.id': 'x' }, {}, { userIdClaim: 'user.id' })).toBe('identity');
  });

  it.each([
    ['empty', ''],
    ['a number', 42],
    ['null', null],
    ['a list', ['alice']],
    ['over-long', 'x'.repeat(257)],
    ['ended by a line', 'alice\n'],
    ['holding NUL', 'ali\u0000ce'],
    ['holding a C1 control', 'ali\u0085ce'],
    ['holding half a character', 'ali\ud800ce'],
  ])('[mcp-auth/defect.ids-cleaned] a user id that is %s is refused, not cleaned', async (_, sub) => {
    expect(await findFault({ ...CLAIMS, sub })).toBe('identity');
    expect(await findFault({ ...CLAIMS, tenant: sub }, {}, { claims: { tenant: 'tenant' } })).toBe(
      'identity',
    );
  });

  it('keeps an unusual id as it is', async () => {
    const sub = ' Ä|auth0 ../x ';
    const result = await createProvider().authenticate(contextOf(await issuer.sign({ ...CLAIMS, sub })));
    expect(result.userId).toBe(sub);
  });

  it('a claim that cannot be read does not pass for an empty one', async () => {
    for (const name of ['roles', 'groups', 'permissions', 'scope']) {
      expect(await findFault({ ...CLAIMS, [name]: { admin: true } })).toBe('identity');
      expect(await findFault({ ...CLAIMS, [name]: ['a', 1] })).toBe('identity');
    }
    expect(await findFault({ ...CLAIMS, scope: ['read write'] })).toBe('identity');
    expect(await findFault({ ...CLAIMS, act: 'agent' })).toBe('identity');
  });

  it('claims named like members of every object are not found there', async () => {
    expect(await findFault(CLAIMS, {}, { userIdClaim: 'constructor.name' })).toBe('identity');
    expect(await findFault(CLAIMS, {}, { userIdClaim: '__proto__' })).toBe('identity');
  });
});

describe('deeply nested claims', () => {
  it('are frozen without recursion', async () => {
    const nested = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
    const token = signText(`{"sub":"alice","exp":4102444800,"nested":${nested}}`);
    const result = await new JWTAuthProvider({ jwtSecret: SECRET }).authenticate(contextOf(token));
    expect(result.authenticated).toBe(true);
    expect(Object.isFrozen(result.principal?.claims.nested)).toBe(true);
  });
});
