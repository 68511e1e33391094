import { request as httpRequest } from 'node:http';
import type { RequestSource } from './generator.ts';

/** How an arm is spoken to: the protocol of 2026, that of 2025 without a session, or with one. */
export type Wire = '2026' | '2025' | '2025-session';

const VERSIONS = { '2026': '2026-07-28', '2025': '2025-11-25', '2025-session': '2025-11-25' } as const;
const TOOL = 'echo';

export interface Endpoint {
  readonly port: number;
  readonly path: string;
  readonly wire: Wire;
}

export interface Caller {
  readonly token?: string | undefined;
  readonly sessionId?: string | undefined;
}

/** The headers of one call, after those of the connection. */
export function headersOf(endpoint: Endpoint, caller: Caller, method = 'tools/call'): Record<string, string> {
  return {
    host: `127.0.0.1:${endpoint.port}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': VERSIONS[endpoint.wire],
    ...(endpoint.wire === '2026' && { 'mcp-method': method, 'mcp-name': TOOL }),
    ...(caller.token !== undefined && { authorization: `Bearer ${caller.token}` }),
    ...(caller.sessionId !== undefined && { 'mcp-session-id': caller.sessionId }),
  };
}

const META =
  ',"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",' +
  '"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},' +
  '"io.modelcontextprotocol/clientCapabilities":{}}';

export function bodyOf(wire: Wire, id: number): string {
  const meta = wire === '2026' ? META : '';
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${TOOL}","arguments":{"text":"m${id}x"}${meta}}}`;
}

export function expectedOf(id: number): string {
  return `echo m${id}x`;
}

/** Calls of many callers in turn. */
export function createSource(endpoint: Endpoint, callers: readonly Caller[]): RequestSource {
  const heads = callers.map((caller) => {
    const fields = Object.entries(headersOf(endpoint, caller)).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    return `POST ${endpoint.path} HTTP/1.1\r\n${fields.join('')}`;
  });
  return {
    next: (id) => ({ head: heads[id % heads.length] ?? '', body: bodyOf(endpoint.wire, id) }),
    expected: expectedOf,
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

const TIMEOUT_MS = 30_000;

export function post(endpoint: Endpoint, headers: Record<string, string>, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: endpoint.port, path: endpoint.path, method: 'POST', headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    request.on('error', reject);
    request.setTimeout(TIMEOUT_MS, () => request.destroy(new Error('no answer in time')));
    request.end(body);
  });
}

/** The JSON-RPC message of an answer, in a body or at the end of an event stream. */
export function messageIn({ text }: Answer): Record<string, unknown> {
  const data = text.split('\n').filter((line) => line.startsWith('data: {'));
  return JSON.parse(data.length > 0 ? (data.at(-1) ?? '').slice(6) : text) as Record<string, unknown>;
}

/** Opens a session of the 2025 protocol and returns its id. */
export async function openSession(endpoint: Endpoint, caller: Caller): Promise<string> {
  const headers = headersOf(endpoint, caller);
  const initialize = {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: {
      protocolVersion: VERSIONS[endpoint.wire],
      capabilities: {},
      clientInfo: { name: 'bench', version: '1.0.0' },
    },
  };
  const answer = await post(endpoint, headers, JSON.stringify(initialize));
  const sessionId = answer.headers['mcp-session-id'];
  if (typeof sessionId !== 'string')
    throw new Error(`no session: ${answer.status} ${answer.text.slice(0, 300)}`);
  const initialized = await post(
    endpoint,
    { ...headers, 'mcp-session-id': sessionId },
    '{"jsonrpc":"2.0","method":"notifications/initialized"}',
  );
  if (initialized.status >= 300) throw new Error(`initialized: ${initialized.status} ${initialized.text}`);
  return sessionId;
}

/** A session for each caller, some at the same time. */
export async function openSessions(
  endpoint: Endpoint,
  callers: readonly Caller[],
  atOnce: number,
): Promise<readonly Caller[]> {
  const opened: Caller[] = [];
  for (let first = 0; first < callers.length; first += atOnce) {
    const opening = callers.slice(first, first + atOnce).map(async (caller) => ({
      ...caller,
      sessionId: await openSession(endpoint, caller),
    }));
    opened.push(...(await Promise.all(opening)));
  }
  return opened;
}
