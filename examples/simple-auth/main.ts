import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { Gate } from 'mcp-gatehouse';
import { closeOnSignals, readTls, serve } from '../auth-token/parts/serve.ts';
import { STEPS } from './check.ts';
import { SECRET } from './rows.ts';
import { createSessionsApp } from './step-2-sessions.ts';
import { createTokens } from './step-4-jwt.ts';
import { createRolesApp } from './step-6-roles.ts';

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    /** Serves the first half of the lesson: the MCP server behind the shared secret, in the lesson's words. */
    lesson: { type: 'boolean', default: false },
  },
});

if (values.check) await check();
else await run();

async function check(): Promise<void> {
  for (const [index, { about, play }] of STEPS.entries()) {
    try {
      await play();
      console.log(`simple-auth: step ${index + 1}, ${about}`);
    } catch (error) {
      console.error(`step ${index + 1}, ${about}: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
      return;
    }
  }
}

async function run(): Promise<void> {
  let gate: Gate | undefined;
  const { close, url } = await serve(
    async (address) => {
      const gated = values.lesson
        ? await createSessionsApp({ url: address, secret: SECRET, preset: 'lesson' })
        : await createWhole(address);
      gate = gated.gate;
      return gated.app;
    },
    { port: Number(process.env['PORT'] ?? 3000), tls: readTls(process.env) },
  );
  const signIn = `curl ${url}/login -H 'Content-Type: application/json' -d '{"username":"jane.doe","password":"secure123"}'`;
  const next = values.lesson ? `Authorization: ${SECRET}` : signIn;
  console.log(`${url}/mcp\n\n${next}\n\nStop with Ctrl-C.`);
  closeOnSignals(async () => {
    await gate?.close();
    await close();
  });
}

function createWhole(url: string) {
  const secret = process.env['JWT_SECRET'] ?? randomBytes(32).toString('base64url');
  return createRolesApp({ url, secret, tokens: createTokens({ secret }) });
}
