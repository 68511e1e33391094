import { gateOptions } from './ours-options.mjs';
import { input, ready, TOOL } from './support.mjs';

const told = await input();
const load = (path) => import(`${told.dist}/${path}.js`);
const { assemble } = await load('gate/assemble');
const { parseGateOptions } = await load('config/schema');
const { isRefusal } = await load('core/refusal');
const { createTrustedProxies } = await load('http/proxies');
const { toRequestContext } = await load('http/request-context');
const { readFacts } = await load('mcp/message-facts');

const options = gateOptions(told);
const { auth, servers } = await assemble(parseGateOptions(options, { allowInstances: true }));
await auth.provider.initialize?.();
const [{ guard, resource }] = servers;
const proxies = createTrustedProxies([]);
const authorizations = told.tokens.map((token) => `Bearer ${token}`);
const CHUNK = 200;
const PRESENT = { isGone: false, signal: new AbortController().signal, onGone: () => () => undefined };
let id = 0;

/** One message, from the head of its request to its record in the log, with nothing served in between. */
async function admit(authorization) {
  const request = {
    method: 'POST',
    path: '/mcp',
    query: '',
    headers: { host: '127.0.0.1', 'content-type': 'application/json', authorization },
    info: { remoteAddress: '127.0.0.1', localAddress: '127.0.0.1' },
    presence: PRESENT,
    body: () => null,
  };
  id += 1;
  const context = toRequestContext(request, {
    resource,
    transport: 'http',
    proxies,
    requestId: `r${id}`,
    now: Date.now,
  });
  if (isRefusal(context)) return context;
  const caller = await guard.arrive(context);
  if (isRefusal(caller)) return caller;
  const message = {
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: TOOL, arguments: { text: 'x' } },
  };
  const admission = await guard.admit(caller, readFacts('bench', message));
  if (isRefusal(admission)) return admission;
  await admission.settle({ ok: true });
  return undefined;
}

/** Calls until a time or a number is reached; timers and files get their turn in between. */
async function run({ ms = Number.POSITIVE_INFINITY, calls = Number.POSITIVE_INFINITY }) {
  const deadline = performance.now() + ms;
  let done = 0;
  while (done < calls && performance.now() < deadline) {
    for (let index = 0; index < CHUNK; index += 1) {
      const refusal = await admit(authorizations[id % authorizations.length]);
      if (refusal !== undefined) return { calls: done, failure: `${refusal.code} ${refusal.detail}` };
    }
    done += CHUNK;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { calls: done };
}

async function codeOf(authorization) {
  return (await admit(authorization))?.code ?? 'OK';
}

process.on('message', async (message) => {
  if (message.run !== undefined) process.send(await run(message.run));
  if (message.prove !== undefined) process.send(await codeOf(message.prove));
});
ready(0);
