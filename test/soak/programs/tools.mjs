/** What the servers of every kind do, in the words of no SDK. */
import { setTimeout as delay } from 'node:timers/promises';

export const INFO = { name: 'soak', version: '1.0.0' };
const NAMES = ['whoami', 'count', 'slow', 'ask', 'large', 'crash', 'hang', 'guarded', 'secret'];
export const TOOLS = NAMES.map((name) => ({ name, description: name, inputSchema: { type: 'object' } }));
export const COLOUR = { type: 'object', properties: { colour: { type: 'string' } }, required: ['colour'] };

/** Upstream tokens name their owner. */
export function ownerOf(token) {
  return /^upstream\.([^.]+)\./.exec(token)?.[1] ?? `nobody (${token})`;
}

/**
 * Runs a tool for a host: `user`, `token`, `signal`, `report(progress, total)`, `ask(message)` and `die()`.
 * Every answer names the user whose server it comes from, and repeats the caller's nonce.
 */
export async function runTool(tool, args, host) {
  const say = (more, ...content) => ({
    content: [
      { type: 'text', text: JSON.stringify({ tool, user: host.user, nonce: args.nonce, more }) },
      ...content,
    ],
  });
  switch (tool) {
    case 'count':
      for (let progress = 1; progress <= args.n; progress += 1) void host.report(progress, args.n);
      return say({ counted: args.n });
    case 'slow':
      await host.report(1, 2);
      await delay(args.ms, undefined, { signal: host.signal });
      return say();
    case 'ask': {
      const asked = await host.ask(`Which colour, ${host.user}?`);
      return asked.question ?? say(asked.answer);
    }
    case 'large':
      return say(undefined, {
        type: 'text',
        text: `${host.user} `.repeat(args.bytes / (host.user.length + 1)),
      });
    case 'crash':
      if (args.how === 'throw') throw new Error('crashed on purpose');
      host.die();
      return untilAborted(host.signal);
    case 'hang':
      return untilAborted(host.signal);
    default:
      return say();
  }
}

function untilAborted(signal) {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
}
