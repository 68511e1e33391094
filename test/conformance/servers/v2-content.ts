import { completable, type McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { z } from 'zod';
import {
  COMPLETIONS,
  embedded,
  image,
  PNG,
  STATIC_BINARY,
  STATIC_TEXT,
  TEMPLATE,
  templateData,
  text,
  WATCHED,
} from './content.ts';

const complete = (value: string): string[] => COMPLETIONS.filter((each) => each.startsWith(value));
const TWO_ARGUMENTS = z.object({
  arg1: completable(z.string().describe('First test argument'), complete),
  arg2: completable(z.string().describe('Second test argument'), complete),
});
const RESOURCE_URI = z.object({ resourceUri: z.string().describe('URI of the resource to embed') });

/** Resources and prompts. */
export function registerContent(server: McpServer): void {
  registerResources(server);
  registerPrompts(server);
}

function registerResources(server: McpServer): void {
  const plain = { mimeType: 'text/plain', description: 'A text' };
  server.registerResource('static-text', STATIC_TEXT, plain, ({ href }) => ({
    contents: [
      { uri: href, mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
    ],
  }));
  const png = { mimeType: 'image/png', description: 'An image' };
  server.registerResource('static-binary', STATIC_BINARY, png, ({ href }) => ({
    contents: [{ uri: href, mimeType: 'image/png', blob: PNG }],
  }));
  server.registerResource('watched-resource', WATCHED, plain, ({ href }) => ({
    contents: [{ uri: href, mimeType: 'text/plain', text: 'Watched' }],
  }));
  const template = new ResourceTemplate(TEMPLATE, { list: undefined, complete: { id: complete } });
  const json = { mimeType: 'application/json', description: 'Data by id' };
  server.registerResource('template', template, json, ({ href }, { id }) => ({
    contents: [{ uri: href, mimeType: 'application/json', text: templateData(String(id)) }],
  }));
  const watched = new Set<string>();
  server.server.setRequestHandler('resources/subscribe', ({ params }) => {
    watched.add(params.uri);
    return {};
  });
  server.server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    watched.delete(params.uri);
    return {};
  });
}

function registerPrompts(server: McpServer): void {
  server.registerPrompt('test_simple_prompt', { description: 'A prompt without arguments' }, () => ({
    messages: [{ role: 'user', content: text('This is a simple prompt for testing.') }],
  }));
  server.registerPrompt(
    'test_prompt_with_arguments',
    { description: 'A prompt with two arguments', argsSchema: TWO_ARGUMENTS },
    ({ arg1, arg2 }) => ({
      messages: [{ role: 'user', content: text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`) }],
    }),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'A prompt with a resource', argsSchema: RESOURCE_URI },
    ({ resourceUri }) => ({
      messages: [
        {
          role: 'user',
          content: embedded(resourceUri, 'text/plain', 'Embedded resource content for testing.'),
        },
        { role: 'user', content: text('Please process the embedded resource above.') },
      ],
    }),
  );
  server.registerPrompt('test_prompt_with_image', { description: 'A prompt with an image' }, () => ({
    messages: [
      { role: 'user', content: image() },
      { role: 'user', content: text('Please analyze the image above.') },
    ],
  }));
}
