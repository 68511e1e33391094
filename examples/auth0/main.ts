import { parseArgs } from 'node:util';
import type { Express } from 'express';
import { closeOnSignals, readTls, type ServeOptions, type Serving } from '../auth-token/parts/serve.ts';
import { serveExposed } from '../auth-token/parts/serve-exposed.ts';
import { WAYS } from '../auth-token/parts/ways.ts';
import { createApp } from './app.ts';
import { checkMock, checkTenant } from './check.ts';
import { exposeTools } from './expose.ts';
import { createLocalTenant } from './local-tenant.ts';

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    /** Starts a tenant on this machine beside the app, and uses it. */
    'local-tenant': { type: 'boolean', default: false },
  },
});

const start = (create: (url: string) => Express, options: ServeOptions) =>
  serveExposed(create, exposeTools, options);

if (values.check) {
  try {
    await checkBoth();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
} else {
  await run();
}

async function checkBoth(): Promise<void> {
  const audit = () => undefined;
  const tenant = await createLocalTenant();
  try {
    for (const [way, callThrough] of WAYS) {
      await playAndClose(
        await start((publicUrl) => createApp({ audit, publicUrl }), { port: 0 }),
        async (url) => {
          const count = await checkMock(url, callThrough(url));
          console.log(`auth0: ${count} rows with mock tokens as they should be, ${way}`);
        },
      );
      const { env } = tenant;
      await playAndClose(
        await start((publicUrl) => createApp({ audit, publicUrl, env }), { port: 0 }),
        async (url) => {
          const count = await checkTenant(url, callThrough(url));
          console.log(`auth0: ${count} rows with tokens of a tenant as they should be, ${way}`);
        },
      );
    }
  } finally {
    await tenant.close();
  }
}

async function playAndClose({ close, url }: Serving, play: (url: string) => Promise<void>): Promise<void> {
  try {
    await play(url);
  } finally {
    await close();
  }
}

async function run(): Promise<void> {
  const tenant = values['local-tenant'] ? await createLocalTenant() : undefined;
  const env = { ...process.env, ...tenant?.env };
  const { close, url } = await start(
    (address) => createApp({ env, publicUrl: process.env['PUBLIC_URL'] ?? address }),
    { port: Number(process.env['PORT'] ?? 3009), tls: readTls(process.env) },
  );
  const firstStep =
    env['AUTH0_DOMAIN'] === undefined
      ? `curl ${url}/api/profile -H 'Authorization: Bearer mock-jwt-user'`
      : `Sign in with a browser: ${url}/auth/login`;
  console.log(`${url}\n\n${firstStep}\n\nStop with Ctrl-C.`);
  closeOnSignals(async () => {
    await close();
    await tenant?.close();
  });
}
