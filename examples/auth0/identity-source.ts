import type { Router } from 'express';

/** What a token says, once it is known to hold. */
export interface Access {
  readonly token: string;
  /** Undefined where the token names nobody. */
  readonly subject: string | undefined;
  readonly email?: string | undefined;
  readonly isEmailVerified?: boolean | undefined;
  readonly name?: string | undefined;
  readonly permissions: readonly string[];
  readonly scopes: readonly string[];
}

/** A user as the tenant tells of them. */
export interface UserRecord {
  readonly user_id: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly permissions: readonly string[];
  readonly created_at: string | null;
}

/** Where users sign in, tokens come from and users are looked up: a table in this process, or a tenant of Auth0. */
export interface IdentitySource {
  readonly about: { readonly mode: 'mock' | 'tenant'; readonly domain: string; readonly audience: string };
  /** `/login`, and whatever else signing in takes. */
  readonly signIn: Router;
  /** Undefined for a token that does not hold. @throws TenantUnavailableError when that cannot be told */
  verify(token: string): Promise<Access | undefined>;
  /** The same with e-mail address and name, as far as they can be learnt. @throws TenantUnavailableError */
  withProfile(access: Access): Promise<Access>;
  /** @throws TenantUnavailableError */
  findUser(id: string): Promise<UserRecord | undefined>;
}

/** The tenant does not answer, or not as it should: nobody is let in on a guess. */
export class TenantUnavailableError extends Error {
  override readonly name = 'TenantUnavailableError';
}
