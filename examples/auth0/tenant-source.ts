import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import { type Access, type IdentitySource, TenantUnavailableError } from './identity-source.ts';
import { createManagementApi } from './management-api.ts';
import type { SignInParts } from './mock-source.ts';
import type { TenantConfig } from './tenant-config.ts';
import { askTenant } from './tenant-request.ts';
import { createTenantSignIn } from './tenant-sign-in.ts';

export interface TenantSourceParts extends SignInParts {
  readonly config: TenantConfig;
  readonly now: () => number;
  /** What browsers call this app. */
  readonly publicUrl: string;
}

const CLOCK_TOLERANCE_SECONDS = 5;

/** A tenant of Auth0: tokens are its JWTs, users sign in there, and its Management API knows them. */
export function createTenantSource(parts: TenantSourceParts): IdentitySource {
  const { config, now } = parts;
  const { findUser } = createManagementApi(config, now);
  const verify = createVerifier(config, now);
  const withProfile = (access: Access) => addProfile(access, config);
  return {
    about: { mode: 'tenant', domain: config.domain, audience: config.audience },
    signIn: createTenantSignIn({ ...parts, verify, withProfile }),
    verify,
    withProfile,
    findUser,
  };
}

function createVerifier({ audience, issuer, origin }: TenantConfig, now: () => number) {
  const keys = createRemoteJWKSet(new URL(`${origin}/.well-known/jwks.json`));
  return async (token: string): Promise<Access | undefined> => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ['RS256'],
        // jose takes tokens that never end, unless told not to.
        requiredClaims: ['exp'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(now()),
      });
      return toAccess(token, payload);
    } catch (error) {
      if (isRefusal(error)) return undefined;
      throw new TenantUnavailableError('The keys of the tenant cannot be had', { cause: error });
    }
  };
}

/** Whether a token is at fault; the other way round it is the keys, and then nobody can tell. */
function isRefusal(error: unknown): boolean {
  const isOurs =
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    (error instanceof errors.JOSEError && error.code === errors.JOSEError.code);
  return error instanceof errors.JOSEError && !isOurs;
}

/** A claim that is not there, or not of its type, gives no rights; it never ends in an error. */
function toAccess(token: string, claims: JWTPayload): Access {
  const { permissions, scope, sub } = claims;
  const list: readonly unknown[] = Array.isArray(permissions) ? permissions : [];
  return {
    token,
    subject: typeof sub === 'string' && sub !== '' ? sub : undefined,
    ...readProfile(claims),
    permissions: list.filter((name) => typeof name === 'string'),
    scopes: typeof scope === 'string' ? scope.split(' ').filter((name) => name !== '') : [],
  };
}

function readProfile(claims: Readonly<Record<string, unknown>>): Partial<Access> {
  const { email, email_verified: verified, name } = claims;
  return {
    ...(typeof email === 'string' && email !== '' && { email, isEmailVerified: verified === true }),
    ...(typeof name === 'string' && name !== '' && { name }),
  };
}

/** Access tokens of Auth0 hold neither name nor e-mail address: who issued them is asked. */
async function addProfile(access: Access, { origin }: TenantConfig): Promise<Access> {
  const isComplete = access.email !== undefined && access.name !== undefined;
  if (isComplete || !access.scopes.includes('openid')) return access;
  const headers = { authorization: `Bearer ${access.token}` };
  const { json, status } = await askTenant(`${origin}/userinfo`, { headers });
  const claims = json as Readonly<Record<string, unknown>>;
  // OpenID Connect Core §5.3.2: a sub that is not the token's must not be used.
  const isSame = status === 200 && claims['sub'] === access.subject;
  const told = isSame ? readProfile(claims) : {};
  const name = access.name ?? told.name;
  // An address and whether it is proved belong together.
  return access.email === undefined ? { ...access, ...told, name } : { ...access, name };
}
