import { createServer } from 'node:net';
import type { GateConfig } from '../config/options.ts';
import { isLoopbackHost } from '../config/values.ts';
import { UsageError } from './output.ts';

/** A gate for trying out, whose issuer lives in this process. */
export interface TryOut {
  readonly config: GateConfig;
  /** A token for its server, for twelve hours. */
  token(): Promise<string>;
  close(): Promise<void>;
}

export interface TryOutOptions {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
}

const TOKEN_SECONDS = 12 * 3600;
const PORT = 3000;
const PATH = '/mcp';

/**
 * A configuration for one command and an issuer with random keys: where there is no configuration file, and on
 * loopback only. Nobody else's issuer is ever trusted beside it.
 *
 * @throws UsageError for a host beyond loopback
 */
export async function createTryOut(options: TryOutOptions): Promise<TryOut> {
  const { name, command, cwd, host = '127.0.0.1' } = options;
  if (!isLoopbackHost(host)) {
    throw new UsageError(
      'Without a configuration file a gate is served on a loopback address only: leave out --host',
    );
  }
  const port = options.port === 0 ? await findFreePort(host) : (options.port ?? PORT);
  const { createLocalIssuer } = await import('../testing/local-issuer.ts');
  const issuer = await createLocalIssuer();
  const publicUrl = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return {
    config: {
      version: 1,
      publicUrl,
      listen: { host, port, path: PATH },
      servers: { [name]: { command, cwd } },
      auth: [{ type: 'jwt', issuer: issuer.issuer, jwksUri: issuer.jwksUri }],
    },
    token: () =>
      issuer.token({ subject: 'local', audience: publicUrl + PATH, expiresInSeconds: TOKEN_SECONDS }),
    close: () => issuer.close(),
  };
}

/** How to reach a server with a token, for a person. */
export function describeConnection(name: string, url: string, token: string): string {
  return `No configuration file here, so the keys are random and the token is for this run (12 hours, subject local):

  TOKEN=${token}

curl
  curl -s ${url} -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
    -H 'Accept: application/json, text/event-stream' \\
    -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'

MCP Inspector (Node 22 or newer)
  npx @modelcontextprotocol/inspector --cli --server-url ${url} --transport http \\
    --header "Authorization: Bearer $TOKEN" --method tools/list

Claude Code
  claude mcp add --transport http ${name} ${url} --header "Authorization: Bearer $TOKEN"

Stop with Ctrl-C.`;
}

/** A port that was free a moment ago. */
function findFreePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
