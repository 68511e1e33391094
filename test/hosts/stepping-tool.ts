import { Client } from '@modelcontextprotocol/client';
import type { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { McpServer } from '@modelcontextprotocol/server';

/** A server whose tool `step` says that it has begun, and ends when the test says so or its caller has gone. */
export interface SteppingTool {
  readonly factory: () => McpServer;
  /** How many calls are inside the tool. */
  readonly inside: number;
  /** How many calls were given up by their callers. */
  readonly cancelled: number;
  /** Ends the calls that are inside. */
  finish(): void;
}

export function createSteppingTool(): SteppingTool {
  const inside = new Set<() => void>();
  let cancelled = 0;
  return {
    factory() {
      const server = new McpServer({ name: 'stepping', version: '1.0.0' });
      server.registerTool('step', { description: 'Takes a step' }, async ({ mcpReq }) => {
        const finished = new Promise<void>((resolve) => {
          inside.add(resolve);
          mcpReq.signal.addEventListener('abort', () => {
            if (!inside.delete(resolve)) return;
            cancelled += 1;
            resolve();
          });
        });
        const progressToken = mcpReq._meta?.progressToken;
        if (progressToken !== undefined) {
          const params = { progressToken, progress: 1, total: 2 };
          await mcpReq.notify({ method: 'notifications/progress', params });
        }
        await finished;
        return { content: [{ type: 'text', text: 'stepped' }] };
      });
      return server;
    },
    get inside() {
      return inside.size;
    },
    get cancelled() {
      return cancelled;
    },
    finish() {
      for (const resolve of inside) resolve();
      inside.clear();
    },
  };
}

/** Calls the tool with a client of either SDK, and is told when it has begun. */
export function callStep(client: Client | ClientV1, onStarted: () => void): Promise<unknown> {
  const options = { onprogress: onStarted };
  return client instanceof Client
    ? client.callTool({ name: 'step' }, options)
    : client.callTool({ name: 'step' }, undefined, options);
}
