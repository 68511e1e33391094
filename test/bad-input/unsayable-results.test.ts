import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpServer } from '@modelcontextprotocol/server';
import { expect, test } from 'vitest';
import type { McpServerFactory } from '../../src/config/options.ts';
import { startGate } from '../support/gate-harness.ts';
import { ERAS, rpc } from '../support/wire.ts';

/** What JSON cannot say, and what it says only at the cost of the stack. */
const RESULTS: Readonly<Record<string, () => unknown>> = {
  bigint: () => 1n,
  cycle: () => {
    const value: Record<string, unknown> = {};
    value['self'] = value;
    return value;
  },
  deep: () => {
    let value: unknown = 1;
    for (let depth = 0; depth < 50_000; depth += 1) value = [value];
    return value;
  },
};

function register(server: Pick<McpServer, 'registerTool'>): void {
  for (const [name, make] of Object.entries(RESULTS)) {
    server.registerTool(name, { description: name }, () => ({ content: [], _meta: { value: make() } }));
  }
}

const FACTORIES: readonly (readonly [string, () => unknown])[] = [
  [
    'v1',
    () => {
      const server = new McpServerV1({ name: 'odd', version: '1' });
      register(server as unknown as McpServer);
      return server;
    },
  ],
  [
    'v2',
    () => {
      const server = new McpServer({ name: 'odd', version: '1' });
      register(server);
      return server;
    },
  ],
];

const WAYS = FACTORIES.flatMap(([sdk, factory]) =>
  (['fresh', 'pooled'] as const).map((mode) => ({ sdk, factory, mode })),
);

test.each(WAYS)(
  'a result that JSON cannot say is an error to who waits: $sdk, $mode',
  async ({ factory, mode }) => {
    const { url, token } = await startGate({
      servers: { odd: { factory: factory as McpServerFactory, instances: { mode } } },
    });
    for (const era of ERAS) {
      for (const name of Object.keys(RESULTS)) {
        const params = { name, arguments: {} };
        const { json } = await rpc(url, { era, token: await token(), method: 'tools/call', params });
        expect(json?.['error']).toMatchObject({ code: -32603, message: 'Internal error' });
      }
    }
  },
);
