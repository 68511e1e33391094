import { completable, McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { McpServerExtras } from '../../src/config/options.ts';
import { createRuns, PROMPTS, type Runs, SHELVES } from './notes.ts';

const ECHO = z.object({ text: z.string() });
const URI = z.object({ uri: z.string() });

/** A small SDK v2 server with tools, prompts, resources, templates and completions. */
export function notesFactory(runs: Runs = createRuns()) {
  return (token: string, userId: string, extras: McpServerExtras): McpServer => {
    runs.built.push({ token, userId, extras });
    const server = new McpServer(
      { name: 'notes', version: '1.0.0' },
      {
        capabilities: {
          tools: { listChanged: true },
          prompts: { listChanged: true },
          resources: { subscribe: true, listChanged: true },
        },
      },
    );
    const ran = (tool: string) => void runs.calls.push({ tool, token, userId });
    addTools(server, { runs, ran, userId });
    addPrompts(server, ran);
    addResources(server, ran);
    return server;
  };
}

interface ToolParts {
  readonly runs: Runs;
  readonly ran: (tool: string) => void;
  readonly userId: string;
}

function addTools(server: McpServer, { runs, ran, userId }: ToolParts): void {
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });
  server.registerTool('whoami', { description: 'Who asks' }, (ctx) => {
    ran('whoami');
    runs.seen.push(ctx.http?.authInfo, Object.fromEntries(ctx.http?.req?.headers ?? []), ctx.http?.req?.url);
    return text(userId);
  });
  server.registerTool('echo', { description: 'Echoes', inputSchema: ECHO }, (input) => {
    ran('echo');
    return text(input.text);
  });
  for (const name of ['write', 'purge']) {
    server.registerTool(name, { description: `Does ${name}` }, () => {
      ran(name);
      return text(name);
    });
  }
  server.registerTool(
    'touch',
    { description: 'Says that a note changed', inputSchema: URI },
    async ({ uri }) => {
      ran('touch');
      await server.server.sendResourceUpdated({ uri });
      return text(uri);
    },
  );
  server.registerTool('grow', { description: 'Says that the tools changed' }, async () => {
    ran('grow');
    await server.server.sendToolListChanged();
    return text('grown');
  });
  server.registerTool('slow', { description: 'Reports progress' }, async (ctx) => {
    ran('slow');
    const progressToken = ctx.mcpReq._meta?.progressToken;
    for (let progress = 1; progress <= 3 && progressToken !== undefined; progress++) {
      await ctx.mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress, total: 3 },
      });
    }
    return text('done');
  });
}

function addPrompts(server: McpServer, ran: (tool: string) => void): void {
  for (const name of PROMPTS) {
    const complete = (): string[] => {
      ran(`completion:${name}`);
      return ['Ada', 'Grace'];
    };
    const argsSchema = z.object({ who: completable(z.string(), complete) });
    server.registerPrompt(name, { description: name, argsSchema }, ({ who }) => {
      ran(`prompt:${name}`);
      return { messages: [{ role: 'user', content: { type: 'text', text: `${name} ${who}` } }] };
    });
  }
}

function addResources(server: McpServer, ran: (tool: string) => void): void {
  for (const shelf of SHELVES) {
    const read = (uri: URL) => {
      ran(`resource:${uri.href}`);
      return { contents: [{ uri: uri.href, text: `${shelf} note` }] };
    };
    const complete = (): string[] => {
      ran(`completion:${shelf}`);
      return ['1', '2'];
    };
    const template = new ResourceTemplate(`notes://${shelf}/{id}`, {
      list: undefined,
      complete: { id: complete },
    });
    server.registerResource(shelf, `notes://${shelf}/1`, {}, read);
    server.registerResource(`${shelf}-notes`, template, {}, read);
  }
  server.server.setRequestHandler('resources/subscribe', ({ params: { uri } }) => {
    ran(`subscribe:${uri}`);
    return {};
  });
  server.server.setRequestHandler('resources/unsubscribe', () => ({}));
}
