import { expect } from 'vitest';
import type { Said } from '../servers/behaviour.ts';
import type { ServerKind } from '../servers/kinds.ts';
import { upstreamTokenOf } from '../servers/owner.ts';
import { outcomeOf } from './outcome.ts';
import type { CallOptions, Connect, Connection, Peer, ToolResult } from './way.ts';

export interface PeerOptions {
  readonly user: string;
  readonly url: string;
  /** None for the user of the environment. */
  readonly token?: string | undefined;
  readonly kind: ServerKind;
  /** Whether calls this way carry an `authInfo`. */
  readonly carriesAuthInfo: boolean;
  readonly connect: Connect;
}

/** Connects a user, whose every answer and progress message is checked to be their own. */
export async function openPeer(options: PeerOptions): Promise<Peer> {
  const { user, url, token } = options;
  const state = { changes: 0, connections: 1 };
  const questions: string[] = [];
  const colour = `colour-of-${user}`;
  const connect = () =>
    options.connect({
      onListChanged: () => {
        state.changes += 1;
      },
      onQuestion: (message) => {
        questions.push(message);
        return colour;
      },
    });
  let connection: Connection = await connect();
  const call = (name: string, args: Record<string, unknown> = {}, calling: CallOptions = {}) =>
    connection.callTool(name, args, withOwnProgress(user, calling));
  return {
    user,
    upstreamToken: upstreamTokenOf(user),
    token,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    url,
    questions,
    colour,
    get changes() {
      return state.changes;
    },
    get connections() {
      return state.connections;
    },
    call,
    async say(name, args, calling) {
      const said = saidIn(await call(name, args, calling));
      const seen = options.kind.seesAuthInfo && options.carriesAuthInfo ? { seen: user } : {};
      expect(said).toMatchObject({ tool: name, user, token: upstreamTokenOf(user), ...seen });
      return said;
    },
    tools: () => connection.listTools(),
    async revive() {
      if (connection.isOpen && (await isServed(connection))) return;
      await connection.close().catch(() => undefined);
      connection = await connect();
      state.connections += 1;
    },
    close: () => connection.close(),
  };
}

/** A connection that ends tells so: by its end, or in a session by an answer that it is over. */
async function isServed(connection: Connection): Promise<boolean> {
  const outcome = await outcomeOf(connection.listTools());
  return 'value' in outcome;
}

/** What a tool said of itself. */
function saidIn({ content, isError }: ToolResult): Said {
  const [first] = content;
  if (isError === true) throw new Error(`The tool failed: ${first?.text}`);
  return JSON.parse(first?.text ?? '') as Said;
}

function withOwnProgress(user: string, { onProgress, ...options }: CallOptions): CallOptions {
  if (onProgress === undefined) return options;
  return {
    ...options,
    onProgress: (seen) => {
      expect(seen.message).toBe(user);
      onProgress(seen);
    },
  };
}
