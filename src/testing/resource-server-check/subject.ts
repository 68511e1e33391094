import { type Answer, type Ask, type Asking, createAsking, isResult } from './asking.ts';
import { findHeader, type HeaderList } from './exchange.ts';
import { isRecord, type LegacySession, parseJson, toProbe } from './messages.ts';
import type { ResolvedOptions } from './options.ts';
import { type Era, LEGACY, MODERN } from './report.ts';

/** The server under test as the judge deals with it: requests, protocol sessions, and what is asked once only. */
export interface Subject extends Asking {
  readonly options: ResolvedOptions;
  /** Sentences on what was given and turned out to be of no use. */
  readonly problems: Set<string>;
  /** Undefined in the 2026-07-28 era and when no session could be opened. */
  findSession(era: Era, token: string): Promise<LegacySession | undefined>;
  /** Opens one more session, which nothing else uses. */
  openSession(token: string): Promise<LegacySession | undefined>;
  /** Asks in a protocol session of the token's own, where the server keeps such. */
  askWithin(token: string, ask: Omit<Ask, 'token' | 'session'>): Promise<Answer>;
  /** The answer to the smallest honest request with this token, in any state it may be. */
  presented(era: Era, token: string): Promise<Answer>;
  /** Whether the server lets the token in. */
  isAccepted(era: Era, token: string): Promise<boolean>;
  /** The answer to a request without a credential. */
  challenged(era: Era): Promise<Answer>;
  /** The answer to a call of the scoped tool with the token that lacks its scope. */
  denied(era: Era): Promise<Answer>;
  /** Every item of a list that the token's principal sees; empty when the server has no such list. */
  listed(era: Era, token: string, list: ListName): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** The protected resource metadata (RFC 9728), asked for without a credential. */
  metadata(): Promise<Metadata>;
  /** Ends the sessions that were opened. Never rejects. */
  close(): Promise<void>;
}

/** The lists of things that can be hidden. */
export type ListName = 'tools' | 'prompts' | 'resources';

/** What stands at the well-known address. */
export interface Metadata {
  readonly answer: Answer;
  /** Absent unless the answer is 200 with a JSON object. */
  readonly document?: Readonly<Record<string, unknown>>;
}

const MAX_PAGES = 20;

/** Sends nothing yet: every question is asked when its answer is first wanted. */
export function createSubject(options: ResolvedOptions): Subject {
  const asking = createAsking(options);
  const sessions = createSessions(asking);
  const findSession = async (era: Era, token: string): Promise<LegacySession | undefined> =>
    era === LEGACY ? sessions.find(token) : undefined;
  const askWithin: Subject['askWithin'] = async (token, asked) =>
    sessions.ask({ ...asked, token, session: await findSession(asked.era, token) });
  const probes = byEra((era) =>
    once((token) => {
      asking.ledger.protect(token);
      return sessions.ask({ era, call: toProbe(era), token });
    }),
  );
  const challenges = byEra((era) => once(() => asking.ask({ era, call: toProbe(era) })));
  const denials = byEra((era) => once(() => askScoped(askWithin, options, era)));
  const lists = byEra((era) =>
    once(async (key) => {
      const [token = '', list = ''] = key.split(' ');
      return listAll(list, (params) => askWithin(token, { era, call: { method: `${list}/list`, params } }));
    }),
  );
  const metadata = once(() => loadMetadata(asking, options));
  return {
    ...asking,
    ask: sessions.ask,
    options,
    problems: new Set(),
    findSession,
    openSession: sessions.open,
    askWithin,
    presented: (era, token) => probes[era](token),
    isAccepted: async (era, token) => isResult(await probes[era](token)),
    challenged: (era) => challenges[era](''),
    denied: (era) => denials[era](''),
    listed: (era, token, list) => lists[era](`${token} ${list}`),
    metadata: () => metadata(''),
    close: sessions.close,
  };
}

/** The well-known address of a resource's metadata: inserted between host and path (RFC 9728 §3.1). */
export function metadataPath(url: URL): string {
  const path = url.pathname === '/' ? '' : url.pathname;
  return `/.well-known/oauth-protected-resource${path}${url.search}`;
}

/** Whether a URL names this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/** The headers that name a session in a request without a JSON-RPC message. */
export function sessionHeaders(session: LegacySession): HeaderList {
  const version: HeaderList = [['MCP-Protocol-Version', session.version]];
  return session.id === undefined ? version : [...version, ['Mcp-Session-Id', session.id]];
}

interface Sessions {
  /** Asks, and remembers the session that an `initialize` opened, to end it at the end. */
  ask(ask: Ask): Promise<Answer>;
  open(token: string): Promise<LegacySession | undefined>;
  find(token: string): Promise<LegacySession | undefined>;
  close(): Promise<void>;
}

function createSessions(asking: Asking): Sessions {
  const opened: { readonly session: LegacySession; readonly token: string }[] = [];
  const ask = async (asked: Ask): Promise<Answer> => {
    const answer = await asking.ask(asked);
    const session = asked.call.method === 'initialize' ? findOpened(answer) : undefined;
    if (session?.id !== undefined && asked.token !== undefined) opened.push({ session, token: asked.token });
    return answer;
  };
  const open = async (token: string): Promise<LegacySession | undefined> => {
    const session = findOpened(await ask({ era: LEGACY, call: toProbe(LEGACY), token }));
    if (session === undefined) return undefined;
    const call = { method: 'notifications/initialized', isNotification: true };
    await ask({ era: LEGACY, call, token, session });
    return session;
  };
  const close = async (): Promise<void> => {
    for (const { session, token } of opened.splice(0)) {
      const headers = sessionHeaders(session);
      await asking.plain({ method: 'DELETE', token, headers }).catch(() => undefined);
    }
  };
  return { ask, open, find: once(open), close };
}

function findOpened(answer: Answer): LegacySession | undefined {
  const version = answer.message?.result?.protocolVersion;
  if (answer.status !== 200 || typeof version !== 'string') return undefined;
  const id = findHeader(answer.response.headers, 'mcp-session-id');
  return id === undefined ? { version } : { id, version };
}

/** Calls the scoped tool with the token that lacks its scope; not to be called without the two. */
function askScoped(
  askWithin: Subject['askWithin'],
  { scopedTool, tokens }: ResolvedOptions,
  era: Era,
): Promise<Answer> {
  const call = { method: 'tools/call', params: { arguments: {}, ...scopedTool } };
  return askWithin(tokens.limitedToken ?? '', { era, call });
}

async function listAll(
  list: string,
  ask: (params: Readonly<Record<string, unknown>>) => Promise<Answer>,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const items: Readonly<Record<string, unknown>>[] = [];
  let cursor: unknown;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { message } = await ask(typeof cursor === 'string' ? { cursor } : {});
    const found = message?.result?.[list];
    if (Array.isArray(found)) items.push(...found.filter(isRecord));
    cursor = message?.result?.nextCursor;
    if (typeof cursor !== 'string') break;
  }
  return items;
}

async function loadMetadata(asking: Asking, { url }: ResolvedOptions): Promise<Metadata> {
  const path = metadataPath(url);
  const answer = await asking.plain({ method: 'GET', path, headers: [['Accept', 'application/json']] });
  const document = answer.status === 200 ? parseJson(answer.response.body) : undefined;
  return isRecord(document) ? { answer, document } : { answer };
}

function byEra<T>(make: (era: Era) => T): Readonly<Record<Era, T>> {
  return { [LEGACY]: make(LEGACY), [MODERN]: make(MODERN) };
}

function once<T>(load: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (key) => {
    const value = known.get(key) ?? load(key);
    known.set(key, value);
    return value;
  };
}
