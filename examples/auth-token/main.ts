import { parseArgs } from 'node:util';
import { createApp } from './app.ts';
import { check } from './check.ts';
import { exposeTools } from './expose.ts';
import { closeOnSignals, readTls, type ServeOptions } from './parts/serve.ts';
import { serveExposed } from './parts/serve-exposed.ts';
import { WAYS } from './parts/ways.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

const start = (options: ServeOptions, audit?: () => void) =>
  serveExposed(() => createApp({ audit }), exposeTools, options);

if (values.check) {
  for (const [way, callThrough] of WAYS) {
    // fetch would not know a certificate; each way begins with nobody signed in.
    const { close, url } = await start({ port: 0 }, () => undefined);
    try {
      const count = await check(url, callThrough(url));
      console.log(`auth-token: ${count} rows as they should be, ${way}`);
    } catch (error) {
      console.error(error instanceof Error ? `${way}: ${error.message}` : error);
      process.exitCode = 1;
    } finally {
      await close();
    }
  }
} else {
  const port = Number(process.env['PORT'] ?? 3008);
  const { close, url } = await start({ port, tls: readTls(process.env) });
  console.log(`${url}, and tools at ${url}/mcp

curl ${url}/user/profile -H 'Authorization: Bearer user-token-123'
curl ${url}/service/metrics -H 'Authorization: ApiKey api-key-789'
curl ${url}/auth/login -H 'Content-Type: application/json' -d '{"username":"alice","password":"password123"}'
curl ${url}/mcp/invoke -H 'Authorization: Bearer admin-token-456' -d '{"toolName":"GET_/admin/users","args":{}}'

Stop with Ctrl-C.`);
  closeOnSignals(close);
}
