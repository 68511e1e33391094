import { isSameSecret } from '../auth-token/parts/secrets.ts';

export const SCOPE = 'openid profile email';

/** Somebody the API knows. */
export interface User {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly permissions: readonly string[];
  readonly createdAt: string;
}

/** Somebody of the mock tenant: without a real one, these sign in by password and get a token that is no JWT. */
export interface MockUser extends User {
  readonly password: string;
  readonly token: string;
}

export const USERS: readonly MockUser[] = [
  {
    id: 'auth0|user123',
    email: 'user@example.com',
    name: 'John Doe',
    permissions: ['read:profile', 'write:profile'],
    createdAt: '2024-01-15T09:00:00.000Z',
    password: 'password',
    token: 'mock-jwt-user',
  },
  {
    id: 'auth0|admin456',
    email: 'admin@example.com',
    name: 'Jane Admin',
    permissions: ['read:profile', 'write:profile', 'read:users', 'write:users', 'admin:all'],
    createdAt: '2024-01-10T09:00:00.000Z',
    password: 'admin',
    token: 'mock-jwt-admin',
  },
  {
    id: 'auth0|readonly789',
    email: 'viewer@example.com',
    name: 'View Only',
    permissions: ['read:profile', 'read:users'],
    createdAt: '2024-02-01T09:00:00.000Z',
    password: 'readonly',
    token: 'mock-jwt-readonly',
  },
];

export function findByPassword(email: string, password: string): MockUser | undefined {
  const user = USERS.find((candidate) => candidate.email === email);
  const isRight = isSameSecret(password, user?.password ?? '');
  return isRight ? user : undefined;
}

/** Every token is compared, so that the time it takes tells nothing of which one was near. */
export function findByToken(token: string): MockUser | undefined {
  return USERS.filter((user) => isSameSecret(token, user.token))[0];
}
