import type { User } from './step-4-jwt.ts';

export interface Account {
  readonly user: User;
  /** A real app keeps what argon2 or scrypt make of it. */
  readonly password: string;
}

/** By the name they sign in with. */
export const ACCOUNTS: ReadonlyMap<string, Account> = new Map([
  [
    'jane.doe',
    {
      password: 'secure123',
      user: {
        id: '1234567890',
        name: 'Jane Doe',
        admin: false,
        role: 'user',
        permissions: ['User.Read', 'User.Write'],
      },
    },
  ],
  [
    'sam.admin',
    {
      password: 'secure456',
      user: {
        id: '2345678901',
        name: 'Sam Admin',
        admin: true,
        role: 'admin',
        permissions: ['User.Read', 'User.Write', 'Admin.Write', 'Admin.Access'],
      },
    },
  ],
  [
    'gil.guest',
    {
      password: 'secure789',
      user: { id: '3456789012', name: 'Gil Guest', admin: false, role: 'guest', permissions: ['User.Read'] },
    },
  ],
]);
