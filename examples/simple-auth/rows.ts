import type { Row, Shape } from '../auth-token/parts/play-rows.ts';

/** What the steps promise over plain HTTP; what they promise to MCP clients is in check.ts. */

export const SECRET = 'secret123';

const METHODS = ['GET', 'POST', 'DELETE'] as const;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const REFRESH_TOKEN = /^[\w-]+\.[\w-]+$/;

interface SecretRow {
  readonly name: string;
  readonly authorization?: string;
  readonly status: number;
  readonly text?: string;
}

function secretRows(rows: readonly SecretRow[]): readonly Row[] {
  return rows.flatMap(({ authorization, name, status, text }) =>
    METHODS.map((method) => ({
      title: `${method} /data with ${name}: ${status}`,
      method,
      path: '/data',
      headers: authorization === undefined ? {} : { authorization },
      expect: { status, body: text ?? { data: 'for those who know the secret', method } },
    })),
  );
}

/** Step 1, as MCP wants it. */
export const SECRET_ROWS = secretRows([
  { name: 'nothing', status: 401, text: 'Unauthorized' },
  { name: 'a wrong secret', authorization: 'Bearer wrong', status: 401, text: 'Unauthorized' },
  { name: 'the secret without a scheme', authorization: SECRET, status: 401, text: 'Unauthorized' },
  { name: 'the secret', authorization: `Bearer ${SECRET}`, status: 200 },
]);

/** Step 1, with the preset of the lesson. */
export const LESSON_SECRET_ROWS = secretRows([
  { name: 'nothing', status: 401, text: 'Unauthorized' },
  { name: 'a wrong secret', authorization: 'wrong', status: 403, text: 'Forbidden' },
  { name: 'a wrong secret as Bearer', authorization: 'Bearer wrong', status: 403, text: 'Forbidden' },
  { name: 'the secret', authorization: SECRET, status: 200 },
  { name: 'the secret as Bearer', authorization: `Bearer ${SECRET}`, status: 200 },
]);

const UNKNOWN_ID = { 'mcp-session-id': '00000000-0000-4000-8000-000000000000' };
const MCP_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
} as const;
const LIST_TOOLS = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} } as const;

interface SessionRow {
  readonly method: Row['method'];
  readonly hasId: boolean;
  readonly status: number;
  readonly body: Shape;
}

function sessionRows(authorization: string, rows: readonly SessionRow[]): readonly Row[] {
  return rows.map(({ body, hasId, method, status }) => ({
    title: `${method} /mcp with ${hasId ? 'an unknown' : 'no'} session: ${status}`,
    method,
    path: '/mcp',
    headers: {
      ...MCP_HEADERS,
      ...(method === 'GET' && { accept: 'text/event-stream' }),
      ...(hasId && UNKNOWN_ID),
      authorization,
    },
    ...(method === 'POST' && { body: LIST_TOOLS }),
    expect: { status, body },
  }));
}

function rpcError(code: string, rpcCode: number, message: string): Shape {
  return { jsonrpc: '2.0', id: null, error: { code: rpcCode, message, data: { code } } };
}

const NO_ID = rpcError('VALIDATION_ERROR', -32600, 'The Mcp-Session-Id header is required');
const UNKNOWN = rpcError('NOT_FOUND', -32000, 'Unknown session');

/** Step 2, as MCP wants it: from a 404 clients learn to open another session. */
export const SESSION_ROWS = sessionRows(
  `Bearer ${SECRET}`,
  METHODS.flatMap((method) => [
    { method, hasId: false, status: 400, body: NO_ID },
    { method, hasId: true, status: 404, body: UNKNOWN },
  ]),
);

const LESSON_POST: Shape = {
  jsonrpc: '2.0',
  error: { code: -32000, message: 'Bad Request: No valid session ID provided' },
  id: null,
};

/** Step 2, with the preset of the lesson. */
export const LESSON_SESSION_ROWS = sessionRows(
  SECRET,
  METHODS.flatMap((method) =>
    [false, true].map((hasId) => ({
      method,
      hasId,
      status: 400,
      body: method === 'POST' ? LESSON_POST : 'Invalid or missing session ID',
    })),
  ),
);

const REFUSED_TOKENS: readonly (readonly [name: string, headers: Row['headers'], error: string])[] = [
  ['nothing', {}, 'Missing or invalid Authorization header'],
  ['another scheme', { authorization: `Basic ${SECRET}` }, 'Missing or invalid Authorization header'],
  ['a token that is none', { authorization: 'Bearer wrong' }, 'Invalid token'],
  ['an expired token', { authorization: 'Bearer ${expired}' }, 'Token expired'],
];

function tokenRows(path: string, body: Shape, name = 'jane'): readonly Row[] {
  return [
    {
      title: `GET ${path} with the token of ${name}: 200`,
      method: 'GET',
      path,
      headers: { authorization: `Bearer \${${name}}` },
      expect: { status: 200, body },
    },
    ...REFUSED_TOKENS.map(([what, headers, error]) => ({
      title: `GET ${path} with ${what}: 401`,
      method: 'GET' as const,
      path,
      headers,
      expect: { status: 401, body: { error } },
    })),
  ];
}

/** Step 4. Rows name the tokens `jane` and `expired`. */
export const TOKEN_ROWS = tokenRows('/resource', { data: 'The resources of Jane Doe' });

function login(username: string, password: string): Omit<Row, 'title' | 'expect'> {
  return { method: 'POST', path: '/login', headers: {}, body: { username, password }, isLogin: true };
}

const TOKENS: Shape = { accessToken: JWT, refreshToken: REFRESH_TOKEN };
const BAD_LOGIN = { status: 401, body: { error: 'Invalid credentials' } } as const;

function signIn(username: string, password: string, as: string): Row {
  return {
    title: `POST /login signs ${username} in`,
    ...login(username, password),
    expect: { status: 200, body: TOKENS },
    keep: { [as]: 'accessToken' },
  };
}

/** Step 5. Rows name the token `expired`. */
export const LOGIN_ROWS: readonly Row[] = [
  signIn('jane.doe', 'secure123', 'jane'),
  { title: 'POST /login with a wrong password: 401', ...login('jane.doe', 'secure456'), expect: BAD_LOGIN },
  { title: 'POST /login of nobody known: 401', ...login('mallory', 'secure123'), expect: BAD_LOGIN },
  { title: 'POST /login with no password: 401', ...login('jane.doe', ''), expect: BAD_LOGIN },
  ...TOKEN_ROWS,
  ...tokenRows('/protected', { message: 'Welcome Jane Doe' }),
  {
    title: 'POST /refresh with what is no refresh token: 401',
    method: 'POST',
    path: '/refresh',
    headers: {},
    body: { refreshToken: 'wrong' },
    isLogin: true,
    expect: { status: 401, body: { error: 'Invalid refresh token' } },
  },
];

function adminRow(name: string, expect: Row['expect']): Row {
  const headers = { authorization: `Bearer \${${name}}` };
  return { title: `GET /admin as ${name}: ${expect.status}`, method: 'GET', path: '/admin', headers, expect };
}

const DENIED = { status: 403, body: { error: 'Permission denied' } } as const;

/** Step 6. Rows name the tokens `expired` and, of somebody without a permission, `nobody`. */
export const ROLE_ROWS: readonly Row[] = [
  ...LOGIN_ROWS,
  {
    title: 'GET /protected without User.Read: 403',
    method: 'GET',
    path: '/protected',
    headers: { authorization: 'Bearer ${nobody}' },
    expect: DENIED,
  },
  signIn('sam.admin', 'secure456', 'sam'),
  adminRow('jane', DENIED),
  adminRow('sam', { status: 200, body: { message: 'Welcome Sam Admin, who may do more' } }),
];
