import { McpServer } from '@modelcontextprotocol/server';

/** A server whose tool `wait` answers when the test says so. */
export interface GatedTool {
  readonly factory: () => McpServer;
  /** How many calls are inside the tool. */
  readonly inside: number;
  /** Ends the calls that are inside. */
  open(): void;
}

export function createGatedTool(): GatedTool {
  const waiting = new Set<() => void>();
  return {
    factory() {
      const server = new McpServer({ name: 'gated', version: '1.0.0' });
      server.registerTool('wait', { description: 'Waits' }, async () => {
        await new Promise<void>((resolve) => {
          waiting.add(resolve);
        });
        return { content: [{ type: 'text', text: 'waited' }] };
      });
      server.registerTool('quick', { description: 'Does not wait' }, () => ({
        content: [{ type: 'text', text: 'quick' }],
      }));
      return server;
    },
    get inside() {
      return waiting.size;
    },
    open() {
      for (const resolve of waiting) resolve();
      waiting.clear();
    },
  };
}
