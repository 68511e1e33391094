import { gateOptions } from './ours-options.mjs';
import { input, ready } from './support.mjs';

const told = await input();
const { createGate } = await import(`${told.dist}/index.js`);
const { toNode } = await import(`${told.dist}/adapters/node.js`);
const { createServer } = await import('node:http');

const gate = await createGate(gateOptions(told));
if (told.mode.includes('adapter')) {
  const server = createServer(toNode(gate));
  server.listen(0, '127.0.0.1', () => ready(server.address().port));
} else {
  ready((await gate.listen()).port);
}

// What is held, as far as the collector can tell.
process.on('message', ({ memory }) => {
  if (memory === undefined) return;
  for (let index = 0; index < 3; index += 1) globalThis.gc();
  setTimeout(() => process.send(process.memoryUsage()), 300);
});
