import type { Row, Shape } from './parts/play-rows.ts';

/** All that the app promises: every route for everybody who may come, and every refusal. */

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const SESSION = /^session-[0-9a-f]{32}$/;

const ALICE = { id: 1, username: 'alice', role: 'user' } as const;
const BOB = { id: 2, username: 'bob', role: 'admin' } as const;
const SERVICE = { id: 3, username: 'service', role: 'service' } as const;

interface Caller {
  readonly name: string;
  readonly authorization: string;
  readonly user: typeof ALICE | typeof BOB | typeof SERVICE;
  readonly preview: Shape;
}

const CALLERS: readonly Caller[] = [
  { name: 'the user token', authorization: 'Bearer user-token-123', user: ALICE, preview: 'user-token...' },
  {
    name: 'the session of alice',
    authorization: 'Bearer ${alice}',
    user: ALICE,
    preview: /^session-[0-9a-f]{2}\.\.\.$/,
  },
  { name: 'the API key', authorization: 'ApiKey api-key-789', user: SERVICE, preview: 'api-key-78...' },
  {
    name: 'the API key as Bearer',
    authorization: 'Bearer api-key-789',
    user: SERVICE,
    preview: 'api-key-78...',
  },
  { name: 'the admin token', authorization: 'Bearer admin-token-456', user: BOB, preview: 'admin-toke...' },
  {
    name: 'the session of bob',
    authorization: 'Bearer ${bob}',
    user: BOB,
    preview: /^session-[0-9a-f]{2}\.\.\.$/,
  },
];

interface Route {
  readonly method: Row['method'];
  readonly path: string;
  readonly body?: unknown;
  /** Which role it takes beside `admin`; everybody who has signed in where there is none. */
  readonly role?: 'admin' | 'service';
  readonly answer: (caller: Caller) => Shape;
}

const PROTECTED: readonly Route[] = [
  {
    method: 'GET',
    path: '/user/profile',
    answer: ({ user }) => ({ profile: user, timestamp: TIME }),
  },
  {
    method: 'GET',
    path: '/user/data',
    answer: ({ user }) => ({ data: `Private data for user ${user.username}`, userId: user.id }),
  },
  {
    method: 'PUT',
    path: '/user/settings',
    body: { theme: 'dark', notifications: true },
    answer: ({ user }) => ({
      message: 'Settings updated',
      userId: user.id,
      settings: { theme: 'dark', notifications: true },
    }),
  },
  {
    method: 'GET',
    path: '/test/auth-info',
    answer: ({ authorization, preview, user }) => ({
      message: 'Auth passthrough successful',
      user,
      authScheme: authorization.startsWith('ApiKey') ? 'ApiKey' : 'Bearer',
      tokenPreview: preview,
    }),
  },
  {
    method: 'GET',
    path: '/admin/users',
    role: 'admin',
    answer: () => ({
      users: [
        { ...ALICE, token: 'user-token...' },
        { ...BOB, token: 'admin-toke...' },
        { ...SERVICE, token: 'api-key-78...' },
      ],
      sessions: 2,
    }),
  },
  {
    method: 'POST',
    path: '/admin/grant',
    body: { userId: 1, role: 'editor' },
    role: 'admin',
    answer: () => ({ message: 'Granted editor role to user 1', timestamp: TIME }),
  },
  {
    method: 'GET',
    path: '/service/metrics',
    role: 'service',
    answer: () => ({ metrics: { requests: 1000, errors: 5, latency: 45 }, timestamp: TIME }),
  },
];

const CLEARING = { method: 'DELETE', path: '/admin/sessions', role: 'admin' } as const;

function isAllowed({ user }: Caller, role: Route['role']): boolean {
  return role === undefined || user.role === role || user.role === 'admin';
}

function protectedRow(route: Route, caller: Caller): Row {
  const { answer, body, method, path, role } = route;
  const expect: Row['expect'] = isAllowed(caller, role)
    ? { status: 200, body: answer(caller) }
    : { status: 403, body: { error: `Requires ${role} role` } };
  return {
    title: `${method} ${path} with ${caller.name}: ${expect.status}`,
    method,
    path,
    headers: { authorization: caller.authorization },
    ...(body !== undefined && { body }),
    expect,
  };
}

function login(username: string, password: string, expect: Row['expect']): Omit<Row, 'title'> {
  return {
    method: 'POST',
    path: '/auth/login',
    headers: {},
    body: { username, password },
    isLogin: true,
    expect,
  };
}

function signIn(user: typeof ALICE | typeof BOB, password: string, as: string): Row {
  const expect = { status: 200, body: { token: SESSION, user, expiresIn: 3600 } };
  return {
    title: `POST /auth/login signs ${user.username} in (kept as ${as})`,
    ...login(user.username, password, expect),
    keep: { [as]: 'token' },
  };
}

const BAD_LOGIN = { status: 401, body: { error: 'Invalid credentials' } } as const;

const LOGINS: readonly Row[] = [
  signIn(ALICE, 'password123', 'alice'),
  signIn(BOB, 'admin123', 'bob'),
  { title: 'POST /auth/login with a wrong password: 401', ...login('alice', 'admin123', BAD_LOGIN) },
  { title: 'POST /auth/login of nobody known: 401', ...login('mallory', 'password123', BAD_LOGIN) },
  {
    title: 'POST /auth/login of the service, which has no password: 401',
    ...login('service', '', BAD_LOGIN),
  },
];

const INFO: Shape = { message: 'Public information', timestamp: TIME };

const PUBLIC: readonly Row[] = [
  ...CALLERS.map(({ authorization, name }) => [name, authorization] as const),
  ['a bad token', 'Bearer no-such-token'] as const,
  ['nothing', undefined] as const,
].map(([name, authorization]) => ({
  title: `GET /public/info with ${name}: 200`,
  method: 'GET',
  path: '/public/info',
  headers: authorization === undefined ? {} : { authorization },
  expect: { status: 200, body: INFO },
}));

/** What is sent in place of a credential, and what it is answered. */
const REFUSED: readonly (readonly [name: string, authorization: string | undefined, error: string])[] = [
  ['nothing', undefined, 'No authorization header'],
  ['a bad token', 'Bearer invalid-token', 'Invalid token'],
  ['a session that nobody opened', `Bearer session-${'0'.repeat(32)}`, 'Invalid token'],
  ['a bad API key', 'ApiKey no-such-key', 'Invalid API key'],
  ['a session as API key', 'ApiKey ${alice}', 'Invalid API key'],
  ['the user token as API key', 'ApiKey user-token-123', 'Invalid API key'],
  ['another scheme', 'Basic YWxpY2U6cGFzc3dvcmQxMjM=', 'Unsupported auth scheme'],
  ['a token without a scheme', 'user-token-123', 'Unsupported auth scheme'],
];

const REFUSALS: readonly Row[] = [...PROTECTED, CLEARING].flatMap(({ method, path }) =>
  REFUSED.map(([name, authorization, error]) => ({
    title: `${method} ${path} with ${name}: 401`,
    method,
    path,
    headers: authorization === undefined ? {} : { authorization },
    expect: { status: 401, body: { error } },
  })),
);

function clear(authorization: string, title: string, sessions: number): Row {
  const expect = { status: 200, body: { message: `Cleared ${sessions} sessions` } };
  return { title, method: 'DELETE', path: '/admin/sessions', headers: { authorization }, expect };
}

function ended(as: string): Row {
  return {
    title: `GET /user/profile with a session that was cleared (${as}): 401`,
    method: 'GET',
    path: '/user/profile',
    headers: { authorization: `Bearer \${${as}}` },
    expect: { status: 401, body: { error: 'Invalid token' } },
  };
}

const ENDING: readonly Row[] = [
  ...CALLERS.filter((caller) => !isAllowed(caller, CLEARING.role)).map((caller) =>
    protectedRow({ ...CLEARING, answer: () => null }, caller),
  ),
  clear('Bearer ${bob}', 'DELETE /admin/sessions with the session of bob: 200', 2),
  ended('alice'),
  ended('bob'),
  signIn(ALICE, 'password123', 'aliceAgain'),
  clear('Bearer admin-token-456', 'DELETE /admin/sessions with the admin token: 200', 1),
  ended('aliceAgain'),
];

/** For an app that nobody else uses at the same time: some count sessions. They leave none behind. */
export const ROWS: readonly Row[] = [
  ...LOGINS,
  ...PUBLIC,
  ...PROTECTED.flatMap((route) => CALLERS.map((caller) => protectedRow(route, caller))),
  ...REFUSALS,
  ...ENDING,
];
