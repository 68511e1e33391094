import { isSameSecret } from './parts/secrets.ts';

export type Role = 'user' | 'admin' | 'service';
export type Scheme = 'Bearer' | 'ApiKey';

export interface User {
  readonly id: number;
  readonly username: string;
  readonly role: Role;
}

/** Somebody with a token that does not end. */
export interface Account {
  readonly user: User;
  readonly token: string;
  /** How the token may be sent. */
  readonly schemes: readonly Scheme[];
  /** Absent where nobody signs in by hand. A real app keeps what argon2 or scrypt make of it. */
  readonly password?: string;
}

const alice: User = { id: 1, username: 'alice', role: 'user' };
const bob: User = { id: 2, username: 'bob', role: 'admin' };
const service: User = { id: 3, username: 'service', role: 'service' };

export const ACCOUNTS: readonly Account[] = [
  { user: alice, token: 'user-token-123', schemes: ['Bearer'], password: 'password123' },
  { user: bob, token: 'admin-token-456', schemes: ['Bearer'], password: 'admin123' },
  { user: service, token: 'api-key-789', schemes: ['Bearer', 'ApiKey'] },
];

/** Every token is compared, so that the time it takes tells nothing of which one was near. */
export function findByToken(token: string, scheme: Scheme): User | undefined {
  const [found] = ACCOUNTS.filter((account) => isSameSecret(token, account.token));
  return found?.schemes.includes(scheme) === true ? found.user : undefined;
}

export function findByPassword(username: string, password: string): User | undefined {
  const account = ACCOUNTS.find(({ user }) => user.username === username);
  const isRight = isSameSecret(password, account?.password ?? '');
  return isRight && account?.password !== undefined ? account.user : undefined;
}
