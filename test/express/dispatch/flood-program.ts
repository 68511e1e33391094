import { createHook } from 'node:async_hooks';
import { createRequire } from 'node:module';
import { createDispatcher } from '../../../src/express/dispatch.ts';
import type { ExpressApp, InnerRequest } from '../../../src/express/inner-request.ts';
import type { ExpressPackage } from './packages.ts';

/**
 * Many calls of one dispatcher, of every way to end: prints what is left of them as JSON. Run with --expose-gc.
 * Arguments: the package of Express, the number of calls.
 */
const [, , name = 'express', count = '50000'] = process.argv;
const CALLS = Number(count);
const AT_ONCE = 20;

const express = createRequire(import.meta.url)(name) as ExpressPackage;
const app = express();
app.use(express.json());
app.get('/users/:id', (request, response) => void response.json({ id: request.params.id }));
app.post('/users', (request, response) => void response.status(201).json(request.body));
app.get('/silent', () => undefined);
app.get('/cut', (_request, response) => void response.destroy());
app.get('/stream', (_request, response) => {
  for (let part = 0; part < 20; part++) response.write('x'.repeat(8192));
  response.end();
});

const dispatcher = createDispatcher(app as ExpressApp, { timeoutMs: 600_000 });
const connection = { remoteAddress: '127.0.0.1', encrypted: false };
const body = Buffer.from(JSON.stringify({ name: 'Ada' }));

async function ask(request: InnerRequest, isLeaving = false): Promise<number> {
  const response = await dispatcher.dispatch(request);
  for await (const chunk of response.body) if (isLeaving && chunk.byteLength > 0) break;
  return response.status;
}

/** Of ten calls one leaves early, one is cut off and one is aborted. */
async function call(index: number): Promise<string> {
  const get = (target: string): InnerRequest => ({ method: 'GET', target, headers: {}, connection });
  switch (index % 10) {
    case 0: {
      const gone = new AbortController();
      const asked = ask({ ...get('/silent'), signal: gone.signal });
      setImmediate(() => gone.abort());
      return asked.then(String, (error: Error) => error.name);
    }
    case 1:
      return ask(get('/cut')).then(String, (error: Error) => error.name);
    case 2:
      return ask(get('/stream'), true).then(String);
    case 3:
    case 4:
      return ask({
        method: 'POST',
        target: '/users',
        headers: { 'content-type': 'application/json' },
        body,
        connection,
      }).then(String);
    default:
      return ask(get(`/users/${index}`)).then(String);
  }
}

async function quiet(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  (globalThis as unknown as { gc(): void }).gc();
  await new Promise((resolve) => setImmediate(resolve));
}

const outcomes: Record<string, number> = {};
async function run(from: number, to: number): Promise<number> {
  for (let index = from; index < to; index += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, to - index) }, (_, offset) => call(index + offset));
    for (const outcome of await Promise.all(batch)) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  await quiet();
  return process.memoryUsage().heapUsed;
}

// What is compiled and cached at first is no growth. Timers are counted here alone, because that is slow.
const timers = new Set<number>();
const hook = createHook({
  init(id, type) {
    if (type === 'Timeout') timers.add(id);
  },
  destroy: (id) => void timers.delete(id),
}).enable();
const warm = await run(0, CALLS / 5);
const timersLeft = timers.size;
hook.disable();

const before = process.getActiveResourcesInfo().sort();
const after = await run(CALLS / 5, CALLS);
console.log(
  JSON.stringify({
    outcomes,
    grownBytes: after - warm,
    timersLeft,
    resources: { before, after: process.getActiveResourcesInfo().sort() },
  }),
);
