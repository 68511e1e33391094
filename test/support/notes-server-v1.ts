import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SubscribeRequestSchema, UnsubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { McpServerExtras } from '../../src/config/options.ts';
import { createRuns, PROMPTS, type Runs, SHELVES } from './notes.ts';

/** The notes of `notesFactory`, as a server written for SDK v1. */
export function notesFactoryV1(runs: Runs = createRuns()) {
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
  server.registerTool('whoami', { description: 'Who asks' }, (extra) => {
    ran('whoami');
    runs.seen.push(extra.authInfo, extra.requestInfo, extra.sessionId);
    return text(userId);
  });
  server.registerTool('echo', { description: 'Echoes', inputSchema: { text: z.string() } }, (input) => {
    ran('echo');
    return text(input.text);
  });
  for (const name of ['write', 'purge']) {
    server.registerTool(name, { description: `Does ${name}` }, () => {
      ran(name);
      return text(name);
    });
  }
  const uriInput = { description: 'Says that a note changed', inputSchema: { uri: z.string() } };
  server.registerTool('touch', uriInput, async ({ uri }) => {
    ran('touch');
    await server.server.sendResourceUpdated({ uri });
    return text(uri);
  });
  server.registerTool('grow', { description: 'Says that the tools changed' }, async () => {
    ran('grow');
    await server.server.sendToolListChanged();
    return text('grown');
  });
  server.registerTool('slow', { description: 'Reports progress' }, async (extra) => {
    ran('slow');
    const progressToken = extra._meta?.progressToken;
    for (let progress = 1; progress <= 3 && progressToken !== undefined; progress++) {
      const params = { progressToken, progress, total: 3 };
      await extra.sendNotification({ method: 'notifications/progress', params });
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
    const argsSchema = { who: completable(z.string(), complete) };
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
  server.server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }) => {
    ran(`subscribe:${uri}`);
    return {};
  });
  server.server.setRequestHandler(UnsubscribeRequestSchema, () => ({}));
}
