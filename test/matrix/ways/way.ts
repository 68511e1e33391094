import type { Said } from '../servers/behaviour.ts';
import type { ServerKind } from '../servers/kinds.ts';
import type { Site } from '../site.ts';

/** A row of the matrix: a transport, an era and a client that people really use. */
export interface Way {
  readonly title: string;
  readonly transport: 'http' | 'stdio' | 'websocket';
  readonly era: '2025-11-25' | '2026-07-28';
  /** Whether the gate keeps a session of the connection; the newer era has none. */
  readonly sessions: 'stateless' | 'stateful';
  /** Requests of the 2025 era over HTTP without a session: nothing can be asked, cancelled or told between calls. */
  readonly isOneWay: boolean;
  /** Connects alice this way, and bob to the same gate. */
  open(stage: Stage): Promise<Company>;
}

/** Where a company meets. */
export interface Stage {
  readonly kind: ServerKind;
  /** The gate that all ways share which need none of their own. */
  readonly shared: Site;
  /** Distinguishes the users of one cell from those of others. */
  readonly suffix: string;
}

/** Two users of one gate. */
export interface Company {
  readonly site: Site;
  readonly alice: Peer;
  readonly bob: Peer;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ProgressSeen) => void;
}

export interface ProgressSeen {
  readonly progress: number;
  readonly message?: string | undefined;
}

export interface ToolResult {
  readonly content: readonly { readonly type: string; readonly text?: string }[];
  readonly isError?: boolean | undefined;
}

/** A client of one SDK, reduced to what the matrix does with it. */
export interface Connection {
  callTool(name: string, args: Record<string, unknown>, options?: CallOptions): Promise<ToolResult>;
  listTools(): Promise<readonly string[]>;
  readonly isOpen: boolean;
  close(): Promise<void>;
}

/** What a client tells of what comes to it unasked. */
export interface Events {
  onListChanged(): void;
  /** Answers a question with a colour. */
  onQuestion(message: string): string;
}

/** How somebody connects. */
export type Connect = (events: Events) => Promise<Connection>;

/** A user with a connection of a real client. */
export interface Peer {
  readonly user: string;
  readonly upstreamToken: string;
  /** Headers with which this user reaches the HTTP side of the gate; empty for the user of the environment. */
  readonly headers: Readonly<Record<string, string>>;
  readonly token: string | undefined;
  /** The endpoint of the server, which also is where its progress is told. */
  readonly url: string;
  /** How often a change of the list was heard. */
  readonly changes: number;
  /** The questions that came. */
  readonly questions: readonly string[];
  /** The colour that this user answers with. */
  readonly colour: string;
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<ToolResult>;
  /** Calls, and checks that the answer is this user's. */
  say(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<Said>;
  tools(): Promise<readonly string[]>;
  /** How often this user had to connect. */
  readonly connections: number;
  /** Connects anew if the connection, or the session that it is for, has ended. */
  revive(): Promise<void>;
  close(): Promise<void>;
}
