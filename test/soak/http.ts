import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Json } from '../support/wire.ts';
import { type Heard, parse } from './outcome.ts';

export interface Sending {
  readonly method?: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: string;
  readonly agent?: Agent;
  /** Drops the connection, as a client does who goes away. */
  readonly signal?: AbortSignal | undefined;
  readonly onMessage?: (message: Json) => void;
  /** Between two pieces that are read. */
  readonly pauseMs?: number | undefined;
}

/** One request over HTTP. Rejects when there was no answer at all. */
export async function send(url: string, sending: Sending): Promise<Heard> {
  try {
    return await sendOnce(url, sending);
  } catch (error) {
    // RFC 9112 §9.3.1: a server may close a connection that is kept, just when it is used again.
    if (!(error instanceof StaleConnection)) throw error;
    return send(url, { ...sending, agent: ONE_TIME });
  }
}

const ONE_TIME = new Agent({ keepAlive: false });

class StaleConnection extends Error {}

function sendOnce(url: string, sending: Sending): Promise<Heard> {
  const { agent = ONE_TIME, body, headers, method = 'POST', signal } = sending;
  return new Promise((resolve, reject) => {
    const lines = headers.flatMap(([name, value]) => [name, value]);
    lines.push('host', new URL(url).host);
    if (body !== undefined) lines.push('content-length', String(Buffer.byteLength(body)));
    const request = httpRequest(url, { method, headers: lines, agent, ...(signal && { signal }) });
    let hasAnswer = false;
    request.on('response', (response) => {
      hasAnswer = true;
      void read(response, sending).then(resolve, reject);
    });
    request.on('error', (error) => {
      if (hasAnswer) return;
      reject(request.reusedSocket && signal?.aborted !== true ? new StaleConnection() : error);
    });
    request.end(body);
  });
}

async function read(response: IncomingMessage, { onMessage, pauseMs }: Sending): Promise<Heard> {
  const isStream = response.headers['content-type']?.startsWith('text/event-stream') === true;
  const messages: Json[] = [];
  const take = (message: Json | undefined): void => {
    if (message === undefined) return;
    messages.push(message);
    onMessage?.(message);
  };
  const chunks: string[] = [];
  let rest = '';
  response.setEncoding('utf8');
  try {
    for await (const chunk of response) {
      chunks.push(String(chunk));
      if (pauseMs !== undefined) await delay(pauseMs);
      if (!isStream) continue;
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('data: {')) take(parse(line.slice(6)));
    }
  } catch {
    // `complete` says how it ended.
  }
  const text = chunks.join('');
  if (!isStream) take(parse(text));
  const { complete: isWhole, headers, statusCode: status = 0 } = response;
  return { status, headers, messages, text, isWhole };
}
