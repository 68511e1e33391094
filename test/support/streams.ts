import { request as httpRequest } from 'node:http';
import { onTestFinished } from 'vitest';
import type { Json, RawRequest } from './wire.ts';

/** An event stream that stays open, as its client sees it. */
export interface OpenStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Everything that came so far. */
  readonly messages: readonly Json[];
  /** Resolves once a message satisfies the predicate, also one that came before. */
  next(predicate: (message: Json) => boolean): Promise<Json>;
  /** Resolves when the server ended the stream; `clean` tells whether it did so in the protocol's own way. */
  readonly ended: Promise<{ readonly clean: boolean }>;
  readonly isOpen: boolean;
  close(): void;
}

interface Waiting {
  readonly predicate: (message: Json) => boolean;
  readonly resolve: (message: Json) => void;
}

export interface StreamRequest extends RawRequest {
  /** Holds the body back until then. */
  readonly bodyAfter?: Promise<void>;
}

/** Sends a request whose answer is read as it comes. Closed when the test is over. */
export function openStream(url: string, init: StreamRequest): Promise<OpenStream> {
  return new Promise((resolve, reject) => {
    const headers = (init.headers ?? []).flatMap(([name, value]) => [name, value]);
    headers.push('host', new URL(url).host);
    if (init.body !== undefined) headers.push('content-length', String(Buffer.byteLength(init.body)));
    const request = httpRequest(url, { method: init.method ?? 'GET', headers, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      const messages: Json[] = [];
      const waiting = new Set<Waiting>();
      let isOpen = true;
      let rest = '';
      const ended = new Promise<{ clean: boolean }>((settle) => {
        response.on('close', () => {
          isOpen = false;
          settle({ clean: response.complete });
        });
      });
      response.on('error', () => undefined);
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines.filter((each) => each.startsWith('data: {'))) {
          const message = JSON.parse(line.slice(6)) as Json;
          messages.push(message);
          for (const each of waiting) if (each.predicate(message)) settleWith(each, message);
        }
      });
      const settleWith = (each: Waiting, message: Json): void => {
        waiting.delete(each);
        each.resolve(message);
      };
      onTestFinished(() => void request.destroy());
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        messages,
        next: (predicate) =>
          new Promise((found) => {
            const known = messages.find(predicate);
            if (known === undefined) waiting.add({ predicate, resolve: found });
            else found(known);
          }),
        ended,
        get isOpen() {
          return isOpen;
        },
        close: () => void request.destroy(),
      });
    });
    if (init.bodyAfter === undefined) request.end(init.body);
    else void init.bodyAfter.then(() => request.end(init.body));
    request.flushHeaders();
  });
}
