import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { type Call, callDirectly, type Row } from './play-rows.ts';

/** The way over `POST /mcp/invoke`; signing in is no tool, and goes to the app itself. */
export function callInvoke(baseUrl: string): Call {
  const direct = callDirectly(baseUrl);
  return async (row) => {
    if (row.isLogin === true) return direct(row);
    const body = { toolName: `${row.method}_${templateOf(row)}`, args: argumentsOf(row) };
    const { authorization } = row.headers;
    const headers = authorization === undefined ? {} : { authorization };
    return direct({ ...row, method: 'POST', path: '/mcp/invoke', headers, body });
  };
}

/** The way of a client of MCP. What is an HTTP status elsewhere is told by the result of the tool. */
export function callOverMcp(baseUrl: string): Call {
  const direct = callDirectly(baseUrl);
  return async (row) => {
    if (row.isLogin === true) return direct(row);
    const { authorization } = row.headers;
    const client = new Client({ name: 'example', version: '1.0.0' });
    const transport = new StreamableHTTPClientTransport(new URL('/mcp', baseUrl), {
      requestInit: { headers: authorization === undefined ? {} : { authorization } },
    });
    await client.connect(transport);
    try {
      const result = await client.callTool({ name: toolNameOf(row), arguments: argumentsOf(row) });
      const { status } = Object(result._meta?.['mcp-gatehouse/http']) as { readonly status: number };
      const item = result.content[result.isError === true ? 1 : 0];
      return { status, body: item?.type === 'text' ? (JSON.parse(item.text) as unknown) : undefined };
    } finally {
      await client.close();
    }
  };
}

const templateOf = ({ path, route }: Row): string => route?.template ?? path;

function toolNameOf(row: Row): string {
  const words = templateOf(row)
    .split('/')
    .map((part) => part.replace(/^:/, ''));
  const named = words.filter((word) => word !== '');
  return [row.method.toLowerCase(), ...(named.length === 0 ? ['root'] : named)].join('_');
}

function argumentsOf({ body, route }: Row): Record<string, unknown> {
  return { ...route?.params, ...(body as object | undefined) };
}

/** How a row gets to an app, by name. */
export const WAYS: readonly (readonly [string, (baseUrl: string) => Call])[] = [
  ['directly', callDirectly],
  ['through POST /mcp/invoke', callInvoke],
  ['through a client of MCP', callOverMcp],
];
