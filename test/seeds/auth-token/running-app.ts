import { onTestFinished } from 'vitest';
import { createApp } from '../../../examples/auth-token/app.ts';
import { serve } from '../../../examples/auth-token/parts/serve.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Undefined where it is no JSON. */
  readonly json: unknown;
}

export interface Sent {
  readonly method?: string;
  readonly authorization?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request, without following where it is led; a body that is no text is sent as JSON. */
export async function send(url: string, sent: Sent = {}): Promise<Reply> {
  const { authorization, body, headers, method = body === undefined ? 'GET' : 'POST' } = sent;
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(authorization !== undefined && { authorization }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? (JSON.parse(text) as unknown) : undefined,
  };
}

export interface RunningApp {
  readonly url: string;
  /** Lines of the audit log so far. */
  readonly lines: readonly string[];
  /** Moves the app's clock. */
  pass(seconds: number): void;
  send(path: string, sent?: Sent): Promise<Reply>;
  /** Signs alice in and gives her session. */
  signIn(): Promise<string>;
}

/** The app of the story on a port of its own, with a clock that stands still; closed when the test is over. */
export async function startApp(): Promise<RunningApp> {
  const lines: string[] = [];
  let now = Date.parse('2026-01-01T00:00:00Z');
  const app = createApp({ now: () => now, audit: (line) => void lines.push(line) });
  const { close, url } = await serve(() => app, { port: 0 });
  onTestFinished(close);
  return {
    url,
    lines,
    pass: (seconds) => {
      now += seconds * 1000;
    },
    send: (path, sent) => send(url + path, sent),
    async signIn() {
      const { json } = await send(`${url}/auth/login`, {
        body: { username: 'alice', password: 'password123' },
      });
      return (json as { token: string }).token;
    },
  };
}
