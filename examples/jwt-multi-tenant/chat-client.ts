import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

/** The outer tier: a chat platform that asks the MCP server in its user's name. */
export async function ask(url: string, jwt: string) {
  const client = new Client({ name: 'chat', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  const requestInit = { headers: { authorization: `Bearer ${jwt}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  try {
    const { tools } = await client.listTools();
    const result = await client.callTool({ name: 'latest_post' });
    return {
      tools: tools.map((tool) => tool.name),
      isError: result.isError === true,
      text: JSON.stringify(result.content),
    };
  } finally {
    await client.close();
  }
}
