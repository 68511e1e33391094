import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  GetPromptRequestSchema,
  type GetPromptResult,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  type ReadResourceResult,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import {
  COMPLETIONS,
  embedded,
  INFO,
  image,
  PNG,
  STATIC_BINARY,
  STATIC_TEXT,
  TEMPLATE,
  templateData,
  text,
  WATCHED,
} from './content.ts';
import { askUser, type Extra, formOf, V1_TOOLS } from './v1-tools.ts';

const INVALID_PARAMS = -32602;

/** The same server on SDK v1, low-level: what an existing server looks like to the bridge. */
export function createV1Server(): Server {
  const server = new Server(INFO, {
    capabilities: {
      logging: {},
      completions: {},
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
    },
  });
  serveTools(server);
  serveResources(server);
  servePrompts(server);
  server.setRequestHandler(CompleteRequestSchema, ({ params }) => ({
    completion: { values: COMPLETIONS.filter((each) => each.startsWith(params.argument.value)) },
  }));
  return server;
}

function serveTools(server: Server): void {
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: [...V1_TOOLS].map(([name, { description, inputSchema }]) => ({ name, description, inputSchema })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = V1_TOOLS.get(params.name);
    if (tool === undefined) throw new McpError(INVALID_PARAMS, `Unknown tool: ${params.name}`);
    return tool.run({ server, args: params.arguments ?? {}, extra });
  });
}

function serveResources(server: Server): void {
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: [
      { uri: STATIC_TEXT, name: 'static-text', description: 'A text', mimeType: 'text/plain' },
      { uri: STATIC_BINARY, name: 'static-binary', description: 'An image', mimeType: 'image/png' },
      { uri: WATCHED, name: 'watched-resource', description: 'A text', mimeType: 'text/plain' },
    ],
  }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: TEMPLATE, name: 'template', mimeType: 'application/json' }],
  }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => readResource(params.uri));
  server.setRequestHandler(SubscribeRequestSchema, () => ({}));
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}));
}

function readResource(uri: string): ReadResourceResult {
  const plain = { uri, mimeType: 'text/plain' };
  if (uri === STATIC_TEXT) {
    return { contents: [{ ...plain, text: 'This is the content of the static text resource.' }] };
  }
  if (uri === STATIC_BINARY) return { contents: [{ uri, mimeType: 'image/png', blob: PNG }] };
  if (uri === WATCHED) return { contents: [{ ...plain, text: 'Watched' }] };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) throw new McpError(INVALID_PARAMS, 'Resource not found', { uri });
  return { contents: [{ uri, mimeType: 'application/json', text: templateData(id) }] };
}

const PROMPTS = [
  { name: 'test_simple_prompt', description: 'A prompt without arguments' },
  {
    name: 'test_prompt_with_arguments',
    description: 'A prompt with two arguments',
    arguments: [
      { name: 'arg1', description: 'First test argument', required: true },
      { name: 'arg2', description: 'Second test argument', required: true },
    ],
  },
  {
    name: 'test_prompt_with_embedded_resource',
    description: 'A prompt with a resource',
    arguments: [{ name: 'resourceUri', description: 'URI of the resource to embed', required: true }],
  },
  { name: 'test_prompt_with_image', description: 'A prompt with an image' },
  { name: 'test_input_required_result_prompt', description: 'A prompt that asks for its context' },
];

function servePrompts(server: Server): void {
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: PROMPTS }));
  server.setRequestHandler(GetPromptRequestSchema, async ({ params }, extra) => ({
    messages: (await promptContent(params.name, params.arguments ?? {}, extra)).map((content) => ({
      role: 'user' as const,
      content,
    })),
  }));
}

type Content = GetPromptResult['messages'][number]['content'];

async function promptContent(name: string, args: Record<string, string>, extra: Extra): Promise<Content[]> {
  switch (name) {
    case 'test_simple_prompt':
      return [text('This is a simple prompt for testing.')];
    case 'test_prompt_with_arguments':
      return [text(`Prompt with arguments: arg1='${args['arg1']}', arg2='${args['arg2']}'`)];
    case 'test_prompt_with_embedded_resource':
      return [
        embedded(args['resourceUri'] ?? '', 'text/plain', 'Embedded resource content for testing.'),
        text('Please process the embedded resource above.'),
      ];
    case 'test_prompt_with_image':
      return [image(), text('Please analyze the image above.')];
    case 'test_input_required_result_prompt': {
      const answer = await askUser(extra, 'What context should the prompt use?', formOf('context', 'string'));
      return [text(`In the context of ${String(answer.content?.['context'])}`)];
    }
    default:
      throw new McpError(INVALID_PARAMS, `Unknown prompt: ${name}`);
  }
}
