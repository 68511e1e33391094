import type { GateConnection } from '../gate/connection.ts';
import type { Gate } from '../gate.ts';
import { loadStdioSdk } from '../mcp/sdk.ts';

/**
 * Serves one server of a gate over this process's stdin and stdout, for the user the environment names.
 *
 * @throws AuthenticationError (AUTHENTICATION_FAILED) when the environment names nobody
 */
export async function serveStdio(
  gate: Gate,
  options: { readonly server?: string } = {},
): Promise<GateConnection> {
  const { StdioServerTransport } = await loadStdioSdk();
  return gate.connect(new StdioServerTransport(), options);
}
