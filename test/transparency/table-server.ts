import {
  completable,
  fromJsonSchema,
  inputRequired,
  type JsonSchemaType,
  McpServer,
} from '@modelcontextprotocol/server';
import { z } from 'zod';

const TEXT = z.object({ text: z.string() });
const COLOUR = z.object({
  colour: completable(z.string(), (value) => ['red', 'green'].filter((each) => each.startsWith(value))),
});
const REGION_SCHEMA = {
  type: 'object',
  properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
} as JsonSchemaType;
const REGION = fromJsonSchema<{ region?: string }>(REGION_SCHEMA);

function said(text: string) {
  return { content: [{ type: 'text' as const, text }] };
}

/** A server with something for every request of the table. */
export function createTableServer(): McpServer {
  const server = new McpServer({ name: 'table', version: '1.0.0' }, { instructions: 'Ask' });
  server.registerTool('echo', { description: 'Says it again', inputSchema: TEXT }, ({ text }) => said(text));
  server.registerTool('look', { description: 'Looks there', inputSchema: REGION }, ({ region }) =>
    said(region ?? 'nowhere'),
  );
  server.registerTool('fail', { description: 'Fails' }, () => {
    throw new Error('It failed');
  });
  server.registerTool('sample', { description: 'Needs sampling' }, () => {
    const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: 'Hello' } }];
    return inputRequired({
      inputRequests: { greeting: inputRequired.createMessage({ messages, maxTokens: 10 }) },
    });
  });
  server.registerResource('one', 'notes://one', { mimeType: 'text/plain' }, ({ href }) => ({
    contents: [{ uri: href, text: 'The first' }],
  }));
  server.registerPrompt('paint', { argsSchema: COLOUR }, ({ colour }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Paint it ${colour}` } }],
  }));
  return server;
}
