import { expect, test } from 'vitest';
import { serverNameOf } from './server-name.ts';

test.each([
  [['npx', '-y', '@modelcontextprotocol/server-filesystem@2026.1.1', '.'], 'server-filesystem'],
  [['npx', '-y', 'some-server'], 'some-server'],
  [['npm', 'exec', '--', 'Some.Server'], 'some-server'],
  [['node', '--enable-source-maps', './build/index.js'], 'index'],
  [['/usr/local/bin/uvx', 'mcp-server-git'], 'mcp-server-git'],
  [['C:\\tools\\My Server.exe'], 'my-server'],
  [['./---'], 'server'],
  [['x'.repeat(100)], 'x'.repeat(63)],
])('%j is called %s', (line, name) => {
  expect(serverNameOf(line)).toBe(name);
});
