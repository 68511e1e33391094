import { createHook } from 'node:async_hooks';
import { createHmac } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createDispatcher } from '../../../src/express/dispatch.ts';
import type { Dispatcher, ExpressApp } from '../../../src/express/inner-request.ts';
import { type Ask, toInnerRequest } from './both-ways.ts';
import {
  compression,
  type ErrorRequestHandler,
  type Express,
  helmet,
  morgan,
  type RequestHandler,
  rateLimit,
  session,
  VERSIONS,
} from './packages.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const FILES = fileURLToPath(new URL('fixtures', import.meta.url));

const explain: ErrorRequestHandler = (
  error: { status?: number; type?: string },
  _request,
  response,
  _next,
) => {
  response.status(error.status ?? 500).json({ type: error.type });
};

const dispatcherOf = (app: Express, timeoutMs = 10_000): Dispatcher =>
  createDispatcher(app as ExpressApp, { timeoutMs });

async function ask(dispatcher: Dispatcher, what: Ask, remoteAddress = '127.0.0.1') {
  const request = { ...toInnerRequest(what), connection: { remoteAddress, encrypted: false } };
  const { status, headers, body } = await dispatcher.dispatch(request);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return { status, headers, body: Buffer.concat(chunks) };
}

describe.each(VERSIONS)('$version: holes of dispatching past the middleware', ({ express }) => {
  test('HMAC `verify` hook bypassed', async () => {
    const signed: string[] = [];
    const sign = (bytes: Uint8Array | string): string =>
      createHmac('sha256', 'key').update(bytes).digest('hex');
    const app = express();
    app.use(
      express.json({
        verify(request: { headers: Record<string, string> }, _response: unknown, raw: Buffer) {
          signed.push(raw.toString());
          if (request.headers['x-signature'] !== sign(raw)) {
            throw Object.assign(new Error('signature'), { status: 401, type: 'signature' });
          }
        },
      }),
    );
    app.post('/pay', (request, response) => void response.json(request.body));
    app.use(explain);
    const body = '{ "amount" : 10 }';
    const pay = (signature: string): Ask => ({
      method: 'POST',
      target: '/pay',
      headers: { ...JSON_TYPE, 'x-signature': signature },
      body,
    });
    expect(await ask(dispatcherOf(app), pay(sign(body)))).toMatchObject({ status: 200 });
    expect(await ask(dispatcherOf(app), pay('forged'))).toMatchObject({ status: 401 });
    expect(signed).toEqual([body, body]);
  });

  test('body limit bypassed', async () => {
    let reached = 0;
    const app = express();
    app.use(express.json({ limit: 1000 }));
    app.post('/', (_request, response) => {
      reached += 1;
      response.send('in');
    });
    app.use(explain);
    const post = (length: number): Ask => ({
      method: 'POST',
      target: '/',
      headers: JSON_TYPE,
      body: JSON.stringify('x'.repeat(length)).replace(/^/, '[').replace(/$/, ']'),
    });
    expect((await ask(dispatcherOf(app), post(500))).status).toBe(200);
    expect((await ask(dispatcherOf(app), post(2000))).status).toBe(413);
    expect((await ask(dispatcherOf(app), post(2_000_000))).status).toBe(413);
    expect(reached).toBe(1);
  });

  test('IP deny-list bypassed', async () => {
    const app = express();
    app.use((request, response, next) => {
      if (request.ip === '203.0.113.9') response.status(403).end();
      else next();
    });
    app.get('/', (request, response) => void response.json(request.ip));
    const dispatcher = dispatcherOf(app);
    expect((await ask(dispatcher, { target: '/' }, '203.0.113.9')).status).toBe(403);
    expect((await ask(dispatcher, { target: '/' }, '2001:db8::1')).body.toString()).toBe('"2001:db8::1"');
    const forged = { target: '/', headers: { 'x-forwarded-for': '198.51.100.1' } };
    expect((await ask(dispatcher, forged, '203.0.113.9')).status).toBe(403);
  });

  test('an async handler reading `req.ip` kills the process', async () => {
    const app = express();
    const handlers: RequestHandler[] = [
      async (request, response) => {
        await Promise.resolve();
        response.json([request.ip, request.ips, request.protocol, request.secure, request.hostname]);
      },
    ];
    app.get('/', handlers);
    const { status, body } = await ask(dispatcherOf(app), { target: '/' });
    expect(status).toBe(200);
    expect(JSON.parse(body.toString())).toEqual(['127.0.0.1', [], 'http', false, 'app.test']);
  });

  test('helmet, compression, express-session, express-rate-limit, morgan, sendFile throw', async () => {
    const lines: string[] = [];
    const app = express();
    app.use(morgan(':status :url', { stream: { write: (line: string) => lines.push(line.trim()) } }));
    app.use(helmet(), compression({ threshold: 0 }));
    app.use(session({ secret: 'of tests', resave: false, saveUninitialized: true }));
    app.use(rateLimit({ windowMs: 60_000, limit: 5, standardHeaders: 'draft-6', legacyHeaders: false }));
    app.get('/', (_request, response) => response.sendFile('lines.txt', { root: FILES }));
    const { status, headers, body } = await ask(dispatcherOf(app), {
      target: '/',
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-encoding': 'gzip',
      'ratelimit-remaining': '4',
      'x-content-type-options': 'nosniff',
    });
    expect(headers['set-cookie']).toContain('connect.sid=');
    expect(gunzipSync(body).toString()).toContain('line 199');
    expect(lines).toEqual(['200 /']);
  });

  test('a timer leaks per call', async () => {
    const app = express();
    app.get('/', (_request, response) => void response.send('ok'));
    const dispatcher = dispatcherOf(app, 600_000);
    const alive = new Set<number>();
    const hook = createHook({
      init(id, type) {
        if (type === 'Timeout') alive.add(id);
      },
      destroy: (id) => void alive.delete(id),
    }).enable();
    try {
      for (let call = 0; call < 50; call++) expect((await ask(dispatcher, { target: '/' })).status).toBe(200);
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      // A runner may set a timer of its own meanwhile; a leak would be one for each call.
      expect(alive.size).toBeLessThan(10);
    } finally {
      hook.disable();
    }
  });
});
