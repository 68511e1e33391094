import { afterAll, onTestFinished } from 'vitest';
import { serve } from '../../../examples/auth-token/parts/serve.ts';
import { createApp } from '../../../examples/auth0/app.ts';
import { createLocalTenant, type LocalTenant } from '../../../examples/auth0/local-tenant.ts';
import { type Reply, type Sent, send } from '../auth-token/running-app.ts';

export interface RunningApp {
  readonly url: string;
  readonly lines: readonly string[];
  /** Moves the app's clock. */
  pass(seconds: number): void;
  send(path: string, sent?: Sent): Promise<Reply>;
}

/** The app of the story on a port of its own; closed when the test is over. Without a tenant, the mock table. */
export async function startApp(env: Readonly<Record<string, string>> = {}): Promise<RunningApp> {
  const lines: string[] = [];
  let ahead = 0;
  const { close, url } = await serve(
    (publicUrl) =>
      createApp({ env, publicUrl, now: () => Date.now() + ahead, audit: (line) => void lines.push(line) }),
    { port: 0 },
  );
  onTestFinished(close);
  return {
    url,
    lines,
    pass: (seconds) => {
      ahead += seconds * 1000;
    },
    send: (path, sent) => send(url + path, sent),
  };
}

export interface AppWithTenant extends RunningApp {
  readonly tenant: LocalTenant;
}

let shared: Promise<LocalTenant> | undefined;
afterAll(async () => (await shared)?.close());

/** The app with the tenant that the tests of a file share: its keys take long to make. */
export async function startWithTenant(): Promise<AppWithTenant> {
  shared ??= createLocalTenant();
  const tenant = await shared;
  return { ...(await startApp(tenant.env)), tenant };
}

/** With a tenant of its own, for a test that ends it. */
export async function startWithOwnTenant(): Promise<AppWithTenant> {
  const tenant = await createLocalTenant();
  onTestFinished(() => tenant.close());
  return { ...(await startApp(tenant.env)), tenant };
}
