/** A server over stdio without an SDK, which starts quickly: for the one user whose token is in its environment. */
import { createInterface } from 'node:readline';
import { COLOUR, INFO, ownerOf, runTool, TOOLS } from './tools.mjs';

const user = ownerOf(process.env.TOKEN ?? '');
const running = new Map();
const asked = new Map();
const write = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => take(JSON.parse(line)));
lines.on('close', () => process.exit(0));

function take({ id, method, params = {}, result, error }) {
  if (method === undefined) {
    const question = asked.get(id);
    asked.delete(id);
    if (error === undefined) question?.resolve({ answer: result });
    else question?.reject(new Error(error.message));
    return;
  }
  if (method === 'notifications/cancelled') running.get(params.requestId)?.abort();
  if (id === undefined) return;
  if (method === 'initialize') {
    write({
      id,
      result: {
        protocolVersion: '2025-06-18',
        capabilities: { tools: { listChanged: true } },
        serverInfo: INFO,
      },
    });
  } else if (method === 'tools/list') write({ id, result: { tools: TOOLS } });
  else if (method === 'tools/call') void call(id, params);
  else if (method === 'ping') write({ id, result: {} });
  else write({ id, error: { code: -32601, message: 'Method not found' } });
}

async function call(id, { name, arguments: args = {}, _meta }) {
  const controller = new AbortController();
  running.set(id, controller);
  const progressToken = _meta?.progressToken;
  const host = {
    user,
    signal: controller.signal,
    report: async (progress, total) => {
      if (progressToken === undefined) return;
      const params = { progressToken, progress, total, message: user };
      write({ method: 'notifications/progress', params });
    },
    ask: (message) =>
      new Promise((resolve, reject) => {
        const question = `question-${id}`;
        asked.set(question, { resolve, reject });
        const params = { mode: 'form', message, requestedSchema: COLOUR };
        write({ id: question, method: 'elicitation/create', params });
      }),
    die: () => process.exit(7),
  };
  try {
    const result = await runTool(name, args, host);
    if (!controller.signal.aborted) write({ id, result });
  } catch (failure) {
    if (!controller.signal.aborted) write({ id, error: { code: -32603, message: failure.message } });
  } finally {
    running.delete(id);
  }
}
