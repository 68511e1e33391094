import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

/** Step 3: a client that sends its credential by header, with every request. */
export interface ClientOptions {
  /** The whole value of the Authorization header. */
  readonly authorization: string;
  /** 2025: opens a session, if the server has any. Default: as new as both sides can. */
  readonly era?: '2025' | undefined;
}

export interface Connected {
  readonly client: Client;
  /** Undefined without a session. */
  readonly sessionId: string | undefined;
  /** Ends the session too. */
  close(): Promise<void>;
}

export async function connect(url: string, { authorization, era }: ClientOptions): Promise<Connected> {
  const mode = era === '2025' ? 'legacy' : 'auto';
  const client = new Client({ name: 'simple-auth', version: '1.0.0' }, { versionNegotiation: { mode } });
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { authorization } },
  });
  await client.connect(transport);
  return {
    client,
    sessionId: transport.sessionId,
    async close() {
      await transport.terminateSession();
      await client.close();
    },
  };
}

/** What a tool says, as text. */
export async function callTool(
  client: Client,
  name: string,
  args: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { content, isError } = await client.callTool({ name, arguments: args });
  const [first] = content;
  const text = first?.type === 'text' ? first.text : '';
  if (isError === true) throw new Error(text);
  return text;
}
