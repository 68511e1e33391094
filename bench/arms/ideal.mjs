import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { echo, input, serve, TOOL } from './support.mjs';

// What the work itself costs, written by hand for one tool and one protocol: no SDK, no generality.
const { directory, issuer, jwksUri, resource, scope } = await input();
const keys = createRemoteJWKSet(new URL(jwksUri));
const log = createWriteStream(join(directory, 'audit.jsonl'), { flags: 'a' });
const MAX_BODY_BYTES = 4_194_304;
const EMISSION_MS = 60_000 / 100_000_000;
const BURST_MS = 60_000;

const verified = new Map();
const arrivals = new Map();
let lines = '';
setInterval(() => {
  if (lines !== '') log.write(lines);
  lines = '';
}, 100).unref();

async function authenticate(header) {
  if (header === undefined || !header.startsWith('Bearer ')) return undefined;
  const token = header.slice(7);
  const key = createHash('sha256').update(token).digest('base64');
  const known = verified.get(key);
  if (known !== undefined && known.expiresAt > Date.now()) return known;
  try {
    const { payload } = await jwtVerify(token, keys, { issuer, audience: resource, algorithms: ['RS256'] });
    const caller = {
      key: `${payload.iss} ${payload.sub}`,
      subject: payload.sub,
      scopes: new Set(payload.scope?.split(' ')),
      expiresAt: payload.exp * 1000,
    };
    if (verified.size > 10_000) verified.clear();
    verified.set(key, caller);
    return caller;
  } catch {
    return undefined;
  }
}

function isWithinLimit(key, now) {
  const arrival = Math.max(arrivals.get(key) ?? 0, now) + EMISSION_MS;
  if (arrival - now > BURST_MS) return false;
  arrivals.set(key, arrival);
  return true;
}

function answer(response, { status, body, headers = {} }) {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

function handle(caller, message, response) {
  const now = Date.now();
  const { id, method, params } = message;
  let outcome = 'ok';
  if (!caller.scopes.has(scope)) outcome = 'insufficient_scope';
  else if (!isWithinLimit(caller.key, now)) outcome = 'rate_limited';
  lines += `${JSON.stringify({ time: now, caller: caller.key, method, tool: params?.name, id, outcome })}\n`;
  if (outcome === 'insufficient_scope') {
    const challenge = `Bearer error="insufficient_scope", scope="${scope}"`;
    const headers = { 'www-authenticate': challenge };
    return answer(response, { status: 403, body: { error: outcome }, headers });
  }
  if (outcome !== 'ok') return answer(response, { status: 429, body: { error: outcome } });
  if (method !== 'tools/call' || params.name !== TOOL || typeof params.arguments?.text !== 'string') {
    const error = { code: -32602, message: 'Unknown tool' };
    return answer(response, { status: 200, body: { jsonrpc: '2.0', id, error } });
  }
  return answer(response, { status: 200, body: { jsonrpc: '2.0', id, result: echo(params.arguments) } });
}

const server = createServer(async (request, response) => {
  const caller = await authenticate(request.headers.authorization);
  if (caller === undefined) {
    request.resume();
    return answer(response, {
      status: 401,
      body: { error: 'invalid_token' },
      headers: { 'www-authenticate': 'Bearer' },
    });
  }
  const chunks = [];
  let size = 0;
  request.on('data', (chunk) => {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) request.destroy();
    chunks.push(chunk);
  });
  request.on('end', () => handle(caller, JSON.parse(Buffer.concat(chunks).toString()), response));
});
serve(server);
