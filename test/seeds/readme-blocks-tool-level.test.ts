import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { AuthenticatedTool } from '../../src/mcp/authenticated-tool.ts';
import { compose } from '../../src/mcp/middleware/compose.ts';
import { withAuth } from '../../src/mcp/middleware/with-auth.ts';
import { withLogging } from '../../src/mcp/middleware/with-logging.ts';
import { withRateLimit } from '../../src/mcp/middleware/with-rate-limit.ts';
import { withRetry } from '../../src/mcp/middleware/with-retry.ts';
import { withTimeout } from '../../src/mcp/middleware/with-timeout.ts';
import { createToolRegistry } from '../../src/mcp/tool-registry.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const source = (path: string) => `${root}src/mcp/${path}`;

/** What a file of a user of the package finds around it. */
const AMBIENT = `
import { compose } from '${source('middleware/compose.ts')}';
import { withAuth } from '${source('middleware/with-auth.ts')}';
import { withLogging } from '${source('middleware/with-logging.ts')}';
import { withRateLimit } from '${source('middleware/with-rate-limit.ts')}';
import { withRetry } from '${source('middleware/with-retry.ts')}';
import { withTimeout } from '${source('middleware/with-timeout.ts')}';
import { AuthenticatedTool } from '${source('authenticated-tool.ts')}';
import type { ToolRegistry } from '${source('tool-registry.ts')}';
import { z } from 'zod';
declare const server: { registerTool: ToolRegistry['register']; registerToolClass: ToolRegistry['registerToolClass'] };
declare class MyAPIClient {
  constructor(accessToken: string);
  getData(args: object): Promise<{ data: string }>;
}
export { AuthenticatedTool, compose, MyAPIClient, server, withAuth, withLogging, withRateLimit, withRetry, withTimeout, z };
`;

/** The documented blocks, as users of the replaced package have them. */
const TOOL = `server.registerTool('get_data', withAuth(async (args, accessToken, userId) => {
const client = new MyAPIClient(accessToken);
return client.getData(args);
}));
`;

const COMPOSITION = `const getTool = compose(
withLogging({ logArgs: true }),
withRateLimit({ maxRequests: 100, windowMs: 60000 }),
withTimeout(5000),
withAuth(),
async (args, accessToken, userId) => {
// Your tool logic
}
);
server.registerTool('get_data', getTool);
`;

/** Errors of strict TypeScript in a block, by line. */
function typeErrors(block: string): readonly string[] {
  const path = `${root}test/seeds/readme-block.ts`;
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ['lib.es2023.d.ts'],
    types: ['node'],
  };
  const text = `${AMBIENT}${block}`;
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => name === path || fileExists.call(host, name);
  host.readFile = (name) => (name === path ? text : readFile.call(host, name));
  host.getSourceFile = (name, language, ...rest) =>
    name === path
      ? ts.createSourceFile(name, text, language)
      : getSourceFile.call(host, name, language, ...rest);
  const program = ts.createProgram([path], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => file?.fileName === path)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}

describe('documented blocks of tool-level authentication', () => {
  it('[mcp-auth/shape.tool-handler] type-check under strict as they stand', { timeout: 60_000 }, () => {
    const more = `
const both = compose(withLogging(), withAuth({ scopes: ['a'] }), withRetry({ maxAttempts: 2, delayMs: 5 }));
const typed = both(async (args: { id: string }, accessToken, userId, context) => {
  const name: string = context?.toolName ?? args.id + accessToken + userId;
  return name;
});
server.registerTool('typed', typed, { description: 'd', inputSchema: { type: 'object' } });
server.registerTool('inferred', async (args) => args.id.length, { inputSchema: z.object({ id: z.string() }) });
server.registerTool('shape', async (args) => args.count.toFixed(), { inputSchema: { count: z.number() } });
class GetProfileTool {
  name = 'get_profile';
  inputSchema = { type: 'object', properties: { profileId: { type: 'string' } } };
  async execute(args: { profileId: string }, accessToken: string, userId: string) {
    return args.profileId + accessToken + userId;
  }
}
server.registerToolClass(new AuthenticatedTool(new GetProfileTool(), { requiresAuth: true }));
server.registerToolClass(new GetProfileTool());
`;
    expect(typeErrors(`${TOOL}${COMPOSITION}${more}`)).toEqual([]);
  });

  it('are checked for what they say', { timeout: 60_000 }, () => {
    const wrong = `
compose(withLogging(), async (args, accessToken) => { const n: number = accessToken; return n; });
server.registerTool('middleware', withAuth());
server.registerTool('inferred', async (args) => args.id.length, { inputSchema: z.object({ other: z.string() }) });
`;
    const errors = typeErrors(wrong);
    expect(errors).toHaveLength(3);
    expect(errors[0]).toContain("Type 'string' is not assignable to type 'number'");
    expect(errors[2]).toContain("Property 'id' does not exist");
  });

  it('[mcp-auth/tool-level.register] run as they stand', async () => {
    const registry = createToolRegistry({ name: 'my-server', version: '1.0.0' });
    const server = { registerTool: registry.register };
    class MyAPIClient {
      readonly accessToken: string;
      constructor(accessToken: string) {
        this.accessToken = accessToken;
      }
      async getData(args: object) {
        return { args, accessToken: this.accessToken };
      }
    }
    const tool = withAuth(async (args, accessToken, _userId) => {
      const client = new MyAPIClient(accessToken);
      return client.getData(args);
    });
    server.registerTool('get_data', tool);
    const getTool = compose(
      withLogging({ logArgs: true, logger: { info: () => {}, warn: () => {}, error: () => {} } }),
      withRateLimit({ maxRequests: 100, windowMs: 60000 }),
      withTimeout(5000),
      withAuth(),
      async (args, accessToken, userId) => ({ args, accessToken, userId }),
    );
    server.registerTool('get_more', getTool);
    server.registerTool('retried', withRetry()(tool));
    registry.registerToolClass(new AuthenticatedTool({ name: 'class', execute: () => 'ran' }));

    expect(registry.names).toEqual(['get_data', 'get_more', 'retried', 'class']);
    expect(await tool({ a: 1 }, 'token', 'alice')).toEqual({ args: { a: 1 }, accessToken: 'token' });
    expect(await getTool({ a: 1 }, 'token', 'alice')).toEqual({
      args: { a: 1 },
      accessToken: 'token',
      userId: 'alice',
    });
  });
});
