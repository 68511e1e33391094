// Nobody is left to measure for.
process.once('disconnect', () => process.exit());

/** The one thing the harness says first: what this arm is to be. */
export function input() {
  return new Promise((resolve) => process.once('message', resolve));
}

/** Listens on a free port of loopback and tells the harness. */
export function serve(server, path = '/mcp') {
  server.listen(0, '127.0.0.1', () => ready(server.address().port, path));
}

export function ready(port, path = '/mcp') {
  process.send({ port, path });
}

export const TOOL = 'echo';
export const DESCRIPTION = 'Says it again';

export function echo({ text }) {
  return { content: [{ type: 'text', text: `echo ${text}` }] };
}

/** Names of the tools: the one that is called comes last. */
export function toolNames(count) {
  return [...Array.from({ length: count - 1 }, (_unused, index) => `tool_${index + 1}`), TOOL];
}

/** The tool that answers calls without arguments to look at: the others are there to be registered. */
export function inputSchemas(z, count) {
  return toolNames(count).map((name) => ({
    name,
    schema: z.object({ text: z.string().max(1000).describe('What to say') }),
  }));
}
