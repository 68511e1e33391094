import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TransportError } from '../../../src/core/errors.ts';
import { createDispatcher } from '../../../src/express/dispatch.ts';
import type { ExpressApp, InnerRequest } from '../../../src/express/inner-request.ts';

export interface Ask {
  readonly method?: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** What is asked may depend on what was answered before. */
export type NextAsk = Ask | ((answers: readonly Answer[]) => Ask);

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Bytes, one character each. */
  readonly body: string;
  /** Whether the connection was cut before the end. */
  readonly isCut: boolean;
}

/** Everything that can be seen of an app that was asked something, from outside and from within. */
export interface Seen {
  readonly answers: readonly Answer[];
  /** Events of each request and response, in their order, and what the app itself has noted. */
  readonly log: readonly string[];
}

export type NodeApp = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Makes an app that may note things. Each way gets an app of its own. */
export type AppFactory = (note: (line: string) => void) => NodeApp;

const HOST = 'app.test';
const TIMEOUT_MS = 15_000;
const CUT: Answer = { status: 0, headers: {}, body: '', isCut: true };

/** Of a connection, not of an answer. */
const UNCOMPARED = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding']);

export async function askInProcess(factory: AppFactory, asks: readonly NextAsk[]): Promise<Seen> {
  const observed = observe(factory);
  const dispatcher = createDispatcher(observed.app as ExpressApp, { timeoutMs: TIMEOUT_MS });
  const answers: Answer[] = [];
  for (const next of asks) {
    const ask = typeof next === 'function' ? next(answers) : next;
    try {
      const response = await dispatcher.dispatch(toInnerRequest(ask));
      const { bytes, isCut } = await readAll(response.body);
      answers.push({ status: response.status, headers: comparable(response.headers), body: bytes, isCut });
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      answers.push(CUT);
    }
    await observed.closed();
  }
  return { answers, log: observed.log };
}

export async function askOverLoopback(factory: AppFactory, asks: readonly NextAsk[]): Promise<Seen> {
  const observed = observe(factory);
  const server = createServer(observed.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = new Agent({ keepAlive: true });
  const answers: Answer[] = [];
  try {
    for (const next of asks) {
      const ask = typeof next === 'function' ? next(answers) : next;
      answers.push(await askPort((server.address() as AddressInfo).port, ask, agent));
      await observed.closed();
    }
  } finally {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  }
  return { answers, log: observed.log };
}

export function toInnerRequest({ method = 'GET', target, headers, body }: Ask): InnerRequest {
  return {
    method,
    target,
    headers: { host: HOST, ...headers },
    body: typeof body === 'string' ? Buffer.from(body) : body,
    connection: { remoteAddress: '127.0.0.1', encrypted: false },
  };
}

/** One request as a client sends it. */
export function askPort(port: number, ask: Ask, agent: Agent): Promise<Answer> {
  const { method, target, headers, body } = toInnerRequest(ask);
  return new Promise((resolve) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        agent,
        method,
        path: target,
        headers: { ...headers, ...(body !== undefined && { 'content-length': String(body.byteLength) }) },
      },
      (response) => {
        void readAll(response).then(({ bytes, isCut }) =>
          resolve({
            status: response.statusCode ?? 0,
            headers: comparable(response.headersDistinct),
            body: bytes,
            isCut,
          }),
        );
      },
    );
    sent.on('error', () => resolve(CUT));
    sent.end(body);
  });
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<{ bytes: string; isCut: boolean }> {
  const chunks: Uint8Array[] = [];
  let isCut = false;
  try {
    for await (const chunk of body) chunks.push(chunk);
  } catch {
    isCut = true;
  }
  return { bytes: Buffer.concat(chunks).toString('latin1'), isCut };
}

function comparable(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, readonly string[]> {
  const entries = Object.entries(headers).filter(([name]) => !UNCOMPARED.has(name));
  return Object.fromEntries(
    entries.map(([name, value = []]) => [name, typeof value === 'string' ? [value] : value]),
  );
}

interface Observed {
  readonly app: NodeApp;
  readonly log: readonly string[];
  /** Waits until every response has closed, and what comes right after that has come. */
  closed(): Promise<void>;
}

const REQUEST_EVENTS = ['aborted', 'end', 'close'];
const RESPONSE_EVENTS = ['prefinish', 'finish', 'close'];

function observe(factory: AppFactory): Observed {
  const log: string[] = [];
  const responses: Promise<unknown>[] = [];
  const inner = factory((line) => log.push(line));
  const app: NodeApp = (incoming, outgoing) => {
    responses.push(new Promise((resolve) => outgoing.once('close', resolve)));
    for (const event of REQUEST_EVENTS) incoming.on(event, () => log.push(`request ${event}`));
    for (const event of RESPONSE_EVENTS) outgoing.on(event, () => log.push(`response ${event}`));
    return inner(incoming, outgoing);
  };
  const closed = async (): Promise<void> => {
    await Promise.all(responses);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { app, log, closed };
}
