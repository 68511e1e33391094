import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Happening, Journal } from '../journal.ts';

/** Who a server was built for, as the gate told it, and where it writes down what happens. */
export interface Household {
  readonly user: string;
  /** The user's own upstream token. */
  readonly token: string;
  readonly journal: Journal;
}

/** One call of a tool, in the words of no SDK. */
export interface Host extends Household {
  /** The user whom the call's `authInfo` names; undefined where the way carries none. */
  readonly seen: unknown;
  readonly signal: AbortSignal;
  /** Sends a progress message, where the client asked for them. Resolves when it is out. */
  report(progress: number, total: number): Promise<void>;
  ask(question: Question): Promise<Answered>;
  /** Adds a tool to what the server lists, and says that the list changed. */
  grow(tool: string): Promise<void>;
  /** Ends whatever runs this call, without an answer. */
  die(): void;
}

export interface Question {
  [key: string]: unknown;
  readonly mode: 'form';
  readonly message: string;
  readonly requestedSchema: {
    readonly type: 'object';
    readonly properties: { readonly colour: { readonly type: 'string' } };
    readonly required: ['colour'];
  };
}

/** The user's answer, or what the call has to return so that the user is asked. */
export type Answered =
  | { readonly kind: 'answer'; readonly result: unknown }
  | { readonly kind: 'question'; readonly result: Answer };

export interface Answer {
  [key: string]: unknown;
  content: { type: 'text'; text: string }[];
}

/** What every answer says of the call that it belongs to. */
export interface Said {
  readonly tool: string;
  readonly user: string;
  readonly token: string;
  readonly seen?: unknown;
  readonly more?: unknown;
}

type Arguments = Readonly<Record<string, unknown>>;
type Run = (args: Arguments, host: Host) => Promise<{ readonly more?: unknown; readonly answer?: Answer }>;

export const INFO = { name: 'matrix', version: '1.0.0' };
export const CAPABILITIES = { tools: { listChanged: true } };
/** Progress messages of `slow` before it waits. */
export const SLOW_PROGRESS = 3;

const RUNS: Readonly<Record<string, Run>> = {
  whoami: async () => ({}),
  // All in one tick, right before the result.
  count: async ({ n }, host) => {
    for (let progress = 1; progress <= Number(n); progress += 1) void host.report(progress, Number(n));
    return { more: { counted: n } };
  },
  slow: async ({ call }, host) => {
    const { journal, signal, user } = host;
    const tell = (event: Happening['event']) => journal.happened({ event, tool: 'slow', user });
    // An SDK may abort a signal after the end of its call too, which is no cancellation.
    const onAbort = (): void => tell('aborted');
    signal.addEventListener('abort', onAbort, { once: true });
    for (let progress = 1; progress <= SLOW_PROGRESS; progress += 1)
      await host.report(progress, SLOW_PROGRESS);
    tell('started');
    while (!signal.aborted && !journal.isReleased(String(call))) await delay(15);
    signal.removeEventListener('abort', onAbort);
    if (!signal.aborted) tell('finished');
    return { more: { call } };
  },
  ask: async (_args, host) => {
    const requestedSchema = {
      type: 'object',
      properties: { colour: { type: 'string' } },
      required: ['colour'],
    } as const;
    const message = `Which colour, ${host.user}?`;
    const { kind, result } = await host.ask({
      mode: 'form',
      message,
      requestedSchema: { ...requestedSchema, required: ['colour'] },
    });
    return kind === 'question' ? { answer: result } : { more: result };
  },
  grow: async ({ tool }, host) => {
    host.journal.grow(host.user, String(tool));
    await host.grow(String(tool));
    return { more: { grown: tool } };
  },
  large: async ({ bytes }, host) => {
    const text = largeText(host.user, Number(bytes));
    const { content } = toAnswer('large', host);
    return { answer: { content: [...content, { type: 'text', text }] } };
  },
  crash: async ({ how }, host) => {
    await host.report(1, 2);
    host.journal.happened({ event: 'started', tool: 'crash', user: host.user });
    if (how === 'throw') throw new Error(`crashed on purpose for ${host.user}`);
    host.die();
    return new Promise(() => undefined);
  },
  // What scopes open, and what only a role opens.
  guarded: async () => ({}),
  secret: async () => ({}),
};

export const TOOLS = Object.keys(RUNS);

/** What a tool takes, for the servers that declare it. */
export const SHAPES: Readonly<Record<string, z.ZodRawShape>> = {
  count: { n: z.number() },
  slow: { call: z.string() },
  grow: { tool: z.string() },
  large: { bytes: z.number() },
  crash: { how: z.string() },
};

/** Runs a tool as a server's handler. What it throws is left to the SDK. */
export async function runTool(tool: string, args: Arguments, host: Host): Promise<Answer> {
  host.journal.happened({ event: 'ran', tool, user: host.user });
  const { answer, more } = (await RUNS[tool]?.(args, host)) ?? {};
  return answer ?? toAnswer(tool, host, more);
}

/** A text that shows whose it is wherever it is cut. */
export function largeText(user: string, bytes: number): string {
  return `${user} `.repeat(Math.ceil(bytes / (user.length + 1))).slice(0, bytes);
}

function toAnswer(tool: string, { user, token, seen }: Host, more?: unknown): Answer {
  const said: Said = { tool, user, token, seen, more };
  return { content: [{ type: 'text', text: JSON.stringify(said) }] };
}

/** Registers a tool on one live instance; silently where another instance has told of it already. */
type AddTool = (tool: string, silent: boolean) => void;

const households = new Map<string, Set<AddTool>>();

/**
 * The instances of one user that live in this process: what one of them grows the others have too.
 * Returns how to grow, and how to leave.
 */
export function joinHousehold({ journal, user }: Household, add: AddTool) {
  const key = `${journal.directory} ${user}`;
  const members = households.get(key) ?? new Set();
  households.set(key, members.add(add));
  return {
    grow(tool: string): void {
      for (const member of members) member(tool, member !== add);
    },
    leave: () => void members.delete(add),
  };
}
