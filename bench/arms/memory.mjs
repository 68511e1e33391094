import { createHmac } from 'node:crypto';
import { gateOptions } from './ours-options.mjs';
import { input, ready, TOOL } from './support.mjs';

// The guard in process, before as many users as one wants: their tokens are made here, one at a time.
const told = await input();
const load = (path) => import(`${told.dist}/${path}.js`);
const { assemble } = await load('gate/assemble');
const { buildAudit } = await load('gate/build-audit');
const { buildAuth } = await load('gate/build-auth');
const { createCallLimits } = await load('limits/calls');
const { createFailureLimit } = await load('limits/failures');
const { createGuard } = await load('guard');
const { createOtelTracer } = await load('audit/otel-tracer');
const { createRuleAuthorizer } = await load('authz/rule-authorizer');
const { createTrustedProxies } = await load('http/proxies');
const { isRefusal } = await load('core/refusal');
const { parseGateOptions } = await load('config/schema');
const { readFacts } = await load('mcp/message-facts');
const { toRequestContext } = await load('http/request-context');

const SECRET = 'a secret of the benchmark alone, for nothing';
const options = parseGateOptions(
  { ...gateOptions(told), auth: [{ type: 'jwt', issuer: told.issuer, secret: SECRET }] },
  { allowInstances: true },
);

async function assembledGuard() {
  const { auth, servers } = await assemble(options);
  await auth.provider.initialize?.();
  return servers[0].guard;
}

/** Without the server behind it, which would be built and asked for its tools once a minute for each user. */
async function guardByItself() {
  const now = Date.now;
  const { provider } = buildAuth(options.auth, {});
  await provider.initialize?.();
  return createGuard({
    server: 'bench',
    provider,
    failures: createFailureLimit({ ...options.limits.failures, now }),
    isRevoked: () => false,
    limits: createCallLimits(options.limits.calls, { now }),
    authorizer: createRuleAuthorizer(options.authorization.rules),
    directory: { has: () => true },
    audit: buildAudit(options.audit),
    tracer: createOtelTracer('bench'),
    now,
    onError: (error) => console.error(error),
  });
}

const guard = told.mode === 'assembled' ? await assembledGuard() : await guardByItself();
const proxies = createTrustedProxies([]);
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const HEADER = encode({ alg: 'HS256', typ: 'at+jwt' });
const ISSUED_AT = Math.floor(Date.now() / 1000);

function tokenOf(user) {
  const payload = encode({
    iss: told.issuer,
    aud: told.resource,
    sub: `user-${user}`,
    client_id: 'bench',
    scope: told.scope,
    iat: ISSUED_AT,
    exp: ISSUED_AT + 43_200,
  });
  const signature = createHmac('sha256', SECRET).update(`${HEADER}.${payload}`).digest('base64url');
  return `${HEADER}.${payload}.${signature}`;
}

const PRESENT = { isGone: false, signal: new AbortController().signal, onGone: () => () => undefined };
let id = 0;

async function call(token) {
  id += 1;
  const request = {
    method: 'POST',
    path: '/mcp',
    query: '',
    headers: { host: '127.0.0.1', 'content-type': 'application/json', authorization: `Bearer ${token}` },
    info: { remoteAddress: '127.0.0.1', localAddress: '127.0.0.1' },
    presence: PRESENT,
    body: () => null,
  };
  const context = toRequestContext(request, {
    resource: told.resource,
    transport: 'http',
    proxies,
    requestId: `r${id}`,
    now: Date.now,
  });
  const caller = await guard.arrive(context);
  if (isRefusal(caller)) throw new Error(`${caller.code} ${caller.detail}`);
  const message = {
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: TOOL, arguments: { text: 'x' } },
  };
  const admission = await guard.admit(caller, readFacts('bench', message));
  if (isRefusal(admission)) throw new Error(`${admission.code} ${admission.detail}`);
  await admission.settle({ ok: true });
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Users who call once each. */
async function see({ first, count }) {
  for (let user = first; user < first + count; user += 1) {
    await call(tokenOf(user));
    if (user % 200 === 0) await pause(0);
  }
}

/** What a call of users who call again and again costs, in microseconds. */
async function costOfKnown({ users, calls }) {
  const tokens = Array.from({ length: users }, (_unused, user) => tokenOf(user));
  for (const token of tokens) await call(token);
  const before = process.cpuUsage();
  for (let index = 0; index < calls; index += 1) {
    await call(tokens[index % users]);
    if (index % 200 === 0) await pause(0);
  }
  const { system, user } = process.cpuUsage(before);
  return (system + user) / calls;
}

async function settled() {
  await pause(500);
  for (let index = 0; index < 3; index += 1) globalThis.gc();
  await pause(200);
  return process.memoryUsage();
}

process.on('message', async ({ cost, memory, seen }) => {
  if (seen !== undefined) process.send((await see(seen)) ?? {});
  if (cost !== undefined) process.send(await costOfKnown(cost));
  if (memory !== undefined) process.send(await settled());
});
ready(0);
