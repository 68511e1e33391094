import { ANY, type Row, type Shape } from '../auth-token/parts/play-rows.ts';

/** All that the app promises: every route for everybody who may come, and every refusal. */

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

interface Caller {
  readonly name: 'user' | 'viewer' | 'admin';
  readonly email: string;
  readonly password: string;
  readonly mockToken: string;
  readonly profile: { readonly id: string; readonly email: string; readonly name: string };
  readonly permissions: readonly string[];
  readonly createdAt: string;
}

const CALLERS: readonly Caller[] = [
  {
    name: 'user',
    email: 'user@example.com',
    password: 'password',
    mockToken: 'mock-jwt-user',
    profile: { id: 'auth0|user123', email: 'user@example.com', name: 'John Doe' },
    permissions: ['read:profile', 'write:profile'],
    createdAt: '2024-01-15T09:00:00.000Z',
  },
  {
    name: 'admin',
    email: 'admin@example.com',
    password: 'admin',
    mockToken: 'mock-jwt-admin',
    profile: { id: 'auth0|admin456', email: 'admin@example.com', name: 'Jane Admin' },
    permissions: ['read:profile', 'write:profile', 'read:users', 'write:users', 'admin:all'],
    createdAt: '2024-01-10T09:00:00.000Z',
  },
  {
    name: 'viewer',
    email: 'viewer@example.com',
    password: 'readonly',
    mockToken: 'mock-jwt-readonly',
    profile: { id: 'auth0|readonly789', email: 'viewer@example.com', name: 'View Only' },
    permissions: ['read:profile', 'read:users'],
    createdAt: '2024-02-01T09:00:00.000Z',
  },
];

/** Whom the rows of the API need a token of, by the name under which they name it. */
export const WHO: readonly { readonly name: Caller['name']; readonly email: string }[] = CALLERS.map(
  ({ email, name }) => ({ name, email }),
);

interface Route {
  readonly method: Row['method'];
  readonly path: string;
  readonly route?: Row['route'];
  readonly about?: string;
  readonly body?: unknown;
  /** The permission it takes; none where there is none. */
  readonly needs?: string;
  /** What it answers to those who may; 200 where it is not said otherwise. */
  readonly status?: number;
  readonly answer: (caller: Caller) => Shape;
}

const PROFILES: Shape = CALLERS.map(({ profile }) => profile);
const PROFILES_AND_PERMISSIONS: Shape = CALLERS.map(({ permissions, profile }) => ({
  ...profile,
  permissions,
}));

const API: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/profile',
    answer: ({ permissions, profile }) => ({ profile, permissions, scope: 'openid profile email' }),
  },
  {
    method: 'PUT',
    path: '/api/profile',
    body: { name: 'A New Name', email: 'not-mine@example.com' },
    needs: 'write:profile',
    answer: ({ profile }) => ({ message: 'Profile updated', profile: { ...profile, name: 'A New Name' } }),
  },
  { method: 'GET', path: '/api/email', answer: ({ email }) => ({ email, verified: true }) },
  { method: 'GET', path: '/api/users', needs: 'read:users', answer: () => ({ users: PROFILES }) },
  {
    method: 'POST',
    path: '/api/users',
    body: { name: 'New User', email: 'new@example.com' },
    needs: 'write:users',
    status: 201,
    answer: () => ({
      id: /^auth0\|[0-9a-f]{24}$/,
      name: 'New User',
      email: 'new@example.com',
      created: TIME,
    }),
  },
  {
    method: 'GET',
    path: '/api/admin/users',
    needs: 'admin:all',
    answer: () => ({ users: PROFILES_AND_PERMISSIONS, total: 3 }),
  },
  {
    method: 'POST',
    path: '/api/admin/permissions',
    body: { userId: 'auth0|user123', permissions: ['read:profile'] },
    needs: 'admin:all',
    answer: () => ({
      message: 'Permissions updated',
      userId: 'auth0|user123',
      permissions: ['read:profile'],
    }),
  },
  ...CALLERS.map(({ createdAt, permissions, profile: { email, id, name } }) => ({
    ...lookup(id),
    answer: () => ({ user_id: id, email, name, permissions, created_at: createdAt }),
  })),
  {
    ...lookup('auth0|nobody'),
    status: 404,
    answer: () => ({ error: 'Not found', message: 'User not found' }),
  },
];

function lookup(id: string): Omit<Route, 'answer'> {
  return {
    method: 'GET',
    path: `/api/auth0/user/${encodeURIComponent(id)}`,
    route: { template: '/api/auth0/user/:id', params: { id } },
    needs: 'read:users',
  };
}

function apiRow(route: Route, caller: Caller): Row {
  const { answer, body, method, needs, path, status = 200, route: parts } = route;
  const isAllowed = needs === undefined || caller.permissions.includes(needs);
  const expect: Row['expect'] = isAllowed
    ? { status, body: answer(caller) }
    : { status: 403, body: refusal(needs, caller) };
  return {
    title: `${method} ${path} as ${caller.name}: ${expect.status}`,
    method,
    path,
    ...(parts !== undefined && { route: parts }),
    headers: { authorization: `Bearer \${${caller.name}}` },
    ...(body !== undefined && { body }),
    expect,
  };
}

function refusal(permission: string, { permissions }: Caller): Shape {
  return {
    error: 'Insufficient permissions',
    message: `Permission '${permission}' required`,
    userPermissions: permissions,
  };
}

const NO_TOKEN = {
  status: 401,
  body: { error: 'No token provided', message: 'Authorization header with Bearer token required' },
} as const;
const INVALID_TOKEN = {
  status: 401,
  body: { error: 'Invalid token', message: 'Token validation failed' },
} as const;

/** What is sent in place of a token, and what it is answered. */
const REFUSED: readonly (readonly [name: string, authorization: string | undefined, Row['expect']])[] = [
  ['nothing', undefined, NO_TOKEN],
  ['another scheme', 'Basic dXNlcjpwYXNzd29yZA==', NO_TOKEN],
  ['a scheme without a token', 'Bearer', NO_TOKEN],
  ['a bad token', 'Bearer invalid', INVALID_TOKEN],
  ['a bad token of the right shape', 'Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA', INVALID_TOKEN],
];

function refusedRows(refused: typeof REFUSED): readonly Row[] {
  return API.flatMap(({ method, path, route }) =>
    refused.map(([name, authorization, expect]) => ({
      title: `${method} ${path} with ${name}: 401`,
      method,
      path,
      ...(route !== undefined && { route }),
      headers: authorization === undefined ? {} : { authorization },
      expect,
    })),
  );
}

function rootRow(name: string, authorization: string | undefined): Row {
  return {
    title: `GET / with ${name}: 200`,
    method: 'GET',
    path: '/',
    headers: authorization === undefined ? {} : { authorization },
    expect: { status: 200, body: { message: /./, endpoints: ANY, auth0: ANY } },
  };
}

function login(email: string, password: string): Omit<Row, 'title' | 'expect'> {
  return { method: 'POST', path: '/auth/login', headers: {}, body: { email, password }, isLogin: true };
}

const BAD_LOGIN = {
  status: 401,
  body: { error: 'Invalid credentials', message: 'Authentication failed' },
} as const;

/** Of the mock table only: at a tenant, users sign in with a browser. */
const LOGINS: readonly Row[] = [
  ...CALLERS.map(({ email, mockToken, name, password, profile: { id, name: fullName } }) => ({
    title: `POST /auth/login signs ${name} in`,
    ...login(email, password),
    expect: {
      status: 200,
      body: {
        access_token: mockToken,
        token_type: 'Bearer',
        expires_in: 3600,
        user: { sub: id, email, name: fullName },
      },
    },
    keep: { [name]: 'access_token' },
  })),
  {
    title: 'POST /auth/login with a wrong password: 401',
    ...login('user@example.com', 'admin'),
    expect: BAD_LOGIN,
  },
  {
    title: 'POST /auth/login of nobody known: 401',
    ...login('nobody@example.com', 'password'),
    expect: BAD_LOGIN,
  },
];

/** Holds with mock tokens and with those of a tenant; rows name them `user`, `viewer` and `admin`. */
const API_ROWS: readonly Row[] = [
  ...CALLERS.map(({ name }) => rootRow(`the token of ${name}`, `Bearer \${${name}}`)),
  rootRow('a bad token', 'Bearer invalid'),
  rootRow('nothing', undefined),
  ...API.flatMap((route) => CALLERS.map((caller) => apiRow(route, caller))),
  ...refusedRows(REFUSED),
];

export const MOCK_ROWS: readonly Row[] = [...LOGINS, ...API_ROWS];

/** With a tenant, what the mock table holds is worth nothing. */
export const TENANT_ROWS: readonly Row[] = [
  ...API_ROWS,
  ...refusedRows(
    CALLERS.map(({ mockToken, name }) => [`the mock token of ${name}`, `Bearer ${mockToken}`, INVALID_TOKEN]),
  ),
];
