import { gzipSync } from 'node:zlib';
import {
  type Call,
  type HeaderPairs,
  headersOf,
  messageOf,
  type RawResponse,
  raw,
  rpc,
} from '../support/wire.ts';

type Asker = Pick<Call, 'era'> & { readonly token: string };
type Ask = (origin: string, asker: Asker) => Promise<RawResponse>;

/** Answers as far as they tell a decision: without what differs from one request to the next. */
export function decisionOf({ status, headers, json, text }: RawResponse) {
  const told = Object.entries(headers).filter(([name]) => TOLD.includes(name) || name.startsWith('access-'));
  return { status, headers: Object.fromEntries(told), body: json === undefined ? text : withoutTime(json) };
}

const TOLD = ['www-authenticate', 'content-type', 'cache-control', 'vary', 'allow', 'x-content-type-options'];

function withoutTime(json: object): object {
  return 'timestamp' in json ? { ...json, timestamp: '' } : json;
}

const METADATA = '/.well-known/oauth-protected-resource';

/** Requests for which a gate in front of the notes decides differently. */
export const REQUESTS: Readonly<Record<string, Ask>> = {
  'the metadata': (origin) => raw(`${origin}${METADATA}/mcp`),
  'the metadata at the root': (origin) => raw(`${origin}${METADATA}`),
  'the metadata, posted': (origin) => raw(`${origin}${METADATA}/mcp`, { method: 'POST', body: '{}' }),
  'the health': (origin) => raw(`${origin}/mcp/health`),
  'the information': (origin) => raw(`${origin}/mcp`),
  'the head of the information': (origin) => raw(`${origin}/mcp`, { method: 'HEAD' }),
  nobody: call('whoami', { as: 'nobody' }),
  'a bad token': call('whoami', { as: 'bad' }),
  'two credentials': call('whoami', { headers: [['x-api-key', 'mcp_1']] }),
  'one credential twice': call('whoami', { headers: [['authorization', 'Bearer other']] }),
  'an allowed call': call('whoami'),
  'a scope that is missing': call('write'),
  'a hidden tool': call('purge'),
  'an unknown tool': call('nothing'),
  'a list': (origin, { era, token }) => rpc(`${origin}/mcp`, { era, token, method: 'tools/list' }),
  'the progress': (origin, { token }) =>
    raw(`${origin}/mcp/progress/stats`, { headers: [['authorization', `Bearer ${token}`]] }),
  'a stream without sessions': (origin, { token }) =>
    raw(`${origin}/mcp`, {
      headers: [
        ['authorization', `Bearer ${token}`],
        ['accept', 'text/event-stream'],
      ],
    }),
  'a foreign host': call('whoami', { headers: [['host', 'evil.example']] }),
  'a foreign origin': call('whoami', { headers: [['origin', 'https://evil.example']] }),
  'an allowed origin': call('whoami', { headers: [['origin', 'https://app.example']] }),
  'a preflight': preflight('https://app.example'),
  'a preflight of a foreign origin': preflight('https://evil.example'),
  'another method': (origin, { token }) =>
    raw(`${origin}/mcp`, { method: 'PUT', headers: [['authorization', `Bearer ${token}`]], body: '{}' }),
  options: (origin) => raw(`${origin}/mcp`, { method: 'OPTIONS' }),
  'no JSON': post('{'),
  'an empty body': post(''),
  'what is nested too deeply': post(`${'['.repeat(200)}${']'.repeat(200)}`),
  'no UTF-8': post(new Uint8Array([0x22, 0xff, 0x22])),
  'a form': post('a=1', [['content-type', 'application/x-www-form-urlencoded']]),
  'a compressed body': post(gzipSync('{}'), [
    ['content-type', 'application/json'],
    ['content-encoding', 'gzip'],
  ]),
};

interface Variation {
  readonly as?: 'nobody' | 'bad';
  readonly headers?: HeaderPairs;
}

function call(name: string, { as, headers = [] }: Variation = {}): Ask {
  return (origin, { era, token }) => {
    const params = { name, arguments: {} };
    const given = as === 'nobody' ? undefined : as === 'bad' ? 'bad' : token;
    return rpc(`${origin}/mcp`, { era, token: given, method: 'tools/call', params, headers });
  };
}

function post(body: string | Uint8Array, headers: HeaderPairs = [['content-type', 'application/json']]): Ask {
  return (origin, { token }) =>
    raw(`${origin}/mcp`, {
      method: 'POST',
      headers: [['authorization', `Bearer ${token}`], ...headers],
      body,
    });
}

function preflight(from: string): Ask {
  return (origin) =>
    raw(`${origin}/mcp`, {
      method: 'OPTIONS',
      headers: [
        ['origin', from],
        ['access-control-request-method', 'POST'],
        ['access-control-request-headers', 'authorization, mcp-param-region'],
      ],
    });
}

/** A call as it stands on the wire, for tests that send it in other ways. */
export function callOf(name: string, { era, token }: Asker): { headers: [string, string][]; body: string } {
  const called = { era, token, method: 'tools/call', params: { name, arguments: {} } };
  return { headers: headersOf(called), body: JSON.stringify(messageOf(called)) };
}
