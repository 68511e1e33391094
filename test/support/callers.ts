import { Agent, request as httpRequest } from 'node:http';
import { onTestFinished } from 'vitest';
import { headersOf, messageOf } from './wire.ts';

export interface CallerAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Someone at an address of 127/8, who calls a tool over connections that are kept. */
export interface Caller {
  call(token: string, headers?: Readonly<Record<string, string>>): Promise<CallerAnswer>;
}

const CALL = { era: '2025-11-25', method: 'tools/call', params: { name: 'whoami' } } as const;

export function createCaller(url: string, localAddress: string): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  onTestFinished(() => agent.destroy());
  const body = JSON.stringify(messageOf(CALL));
  return {
    call: (token, more = {}) =>
      new Promise((resolve, reject) => {
        const own = Object.fromEntries(headersOf({ ...CALL, token }));
        const headers = { ...own, 'content-length': Buffer.byteLength(body), ...more };
        const request = httpRequest(url, { method: 'POST', agent, localAddress, headers }, (response) => {
          response.resume();
          response.on('error', reject);
          response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
        });
        request.on('error', reject);
        request.end(body);
      }),
  };
}
