import type { Caller, Outcome } from '../core/admission.ts';
import type { Clock } from '../core/clock.ts';
import { fingerprintOf } from '../core/credential.ts';
import { ConfigurationError } from '../core/errors.ts';
import { isAnonymous } from '../core/principal.ts';
import { isRefusal, refuse } from '../core/refusal.ts';
import type { BodyLimits } from '../http/body.ts';
import { toRefusalResponse } from '../http/challenge.ts';
import type { InboundRequest } from '../http/inbound-request.ts';
import type { LiveStreams } from '../http/live-streams.ts';
import { CLOSE_CODES, type MessageLink } from '../http/message-link.ts';
import { type AcceptedUpgrade, createUpgradeHandler, type UpgradeHandler } from '../http/websocket-server.ts';
import type { UpgradeSite } from '../http/websocket-upgrade.ts';
import { addressKey } from '../limits/address.ts';
import type { Connection, OpenedConnection } from '../mcp/connection.ts';
import { readExtras } from '../mcp/request-extras.ts';
import { createSocketTransport, type SocketTransport } from '../mcp/socket-transport.ts';
import type { BuiltServer } from './build-server.ts';
import { createPlaces } from './websocket-places.ts';

/** Bounds of the WebSocket connections that are taken in one place. */
export interface WebSocketOptions {
  /** A client that is silent for two of these is gone. Default 30000. */
  readonly heartbeatMs?: number | undefined;
  /** Default 1000. */
  readonly maxConnections?: number | undefined;
  /** Default 32. */
  readonly maxConnectionsPerPrincipal?: number | undefined;
  /** Requests of one connection that may be without an answer. Default 64. */
  readonly maxInFlight?: number | undefined;
}

/** Where WebSocket connections are taken for a gate. */
export interface WebSocketEntry {
  /** Takes an upgrade at `{path}/ws` of a server; false leaves it to others. */
  readonly upgrade: UpgradeHandler;
  /** Takes no more, lets calls in flight finish for so long, then closes every socket with 1001. Safe to call twice. */
  close(graceMs: number): Promise<void>;
  /** Connections that are open, or about to be. */
  readonly size: number;
}

/** What connections need of the gate. */
export interface WebSocketParts {
  readonly upgrades: UpgradeSite;
  readonly servers: readonly Pick<BuiltServer, 'name' | 'runtime' | 'extras'>[];
  readonly liveStreams: LiveStreams;
  readonly body: BodyLimits;
  readonly now: Clock;
  readonly onError: (error: unknown) => void;
}

interface Live {
  readonly link: MessageLink;
  readonly transport: SocketTransport;
  readonly connection: Connection;
}

/** How long the server behind a connection may take to end before its socket is closed all the same. */
const END_MS = 2_000;
const NOT_RUN = { ok: false, error: 'not_run' } as const;

/** @throws ConfigurationError for a bound that is none */
export function createWebSocketEntry(parts: WebSocketParts, options: WebSocketOptions = {}): WebSocketEntry {
  const { heartbeatMs, maxConnections, maxConnectionsPerPrincipal, maxInFlight } = fillBounds(options);
  const places = createPlaces(maxConnections, maxConnectionsPerPrincipal);
  const open = new Set<Live>();
  let isClosed = false;
  const room: Room = { parts, open, maxInFlight, isClosed: () => isClosed };

  return {
    upgrade: createUpgradeHandler({
      isServed: parts.upgrades.isServed,
      decide,
      maxMessageBytes: parts.body.maxBytes,
      heartbeatMs,
      onError: parts.onError,
    }),
    async close(graceMs) {
      isClosed = true;
      await Promise.all([...open].map((live) => endInTime(live, graceMs)));
    },
    get size() {
      return places.taken;
    },
  };

  async function decide(request: InboundRequest): Promise<Response | AcceptedUpgrade> {
    const arrived = await parts.upgrades.arrive(request);
    if (arrived instanceof Response) return arrived;
    const { caller, server: site } = arrived;
    const server = parts.servers.find(({ name }) => name === site.name);
    if (server === undefined) throw new Error(`No server ${site.name}`);
    const tie = tieToCredential(parts, caller);
    const opened = await server.runtime.open(caller, readExtras(caller.context, server.extras));
    const place = isClosed ? CLOSING : places.take(placeKey(caller));
    if (!isRefusal(opened) && !isRefusal(place)) return toUpgrade(room, { opened, tie, freePlace: place });
    tie.undo();
    if (!isRefusal(place)) place();
    if (!isRefusal(opened)) await opened.settle(NOT_RUN);
    return toRefusalResponse([opened, place].find(isRefusal) ?? CLOSING, site.challenge);
  }
}

const DEFAULTS = {
  heartbeatMs: 30_000,
  maxConnections: 1_000,
  maxConnectionsPerPrincipal: 32,
  maxInFlight: 64,
};
/** setInterval fires at once for longer waits. */
const MAX_BOUND = 2_147_483_647;

function fillBounds(options: WebSocketOptions): typeof DEFAULTS {
  const names = Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[];
  const bounds = names.map((name) => [name, options[name] ?? DEFAULTS[name]] as const);
  const problems = bounds
    .filter(([, value]) => !Number.isSafeInteger(value) || value < 1 || value > MAX_BOUND)
    .map(([name]) => `webSocket.${name}: must be a whole number from 1 to ${MAX_BOUND}`);
  if (problems.length > 0) throw new ConfigurationError(problems);
  return { ...DEFAULTS, ...Object.fromEntries(bounds) };
}

/** What the connections of an entry have in common. */
interface Room {
  readonly parts: WebSocketParts;
  readonly open: Set<Live>;
  readonly maxInFlight: number;
  readonly isClosed: () => boolean;
}

/** Ends a connection with the credential that opened it, from before there is a socket. */
interface Tie {
  begin(link: MessageLink): void;
  undo(): void;
}

function tieToCredential({ liveStreams, now }: WebSocketParts, { principal, context }: Caller): Tie {
  const { expiresAt, key } = principal;
  let link: MessageLink | undefined;
  let isOver = false;
  const end = (): void => {
    const isExpired = expiresAt !== undefined && expiresAt * 1000 <= now() + CLOCK_SLACK_MS;
    const reason = isExpired ? 'The credential has expired' : 'The credential was revoked';
    link?.close(CLOSE_CODES.credentialOver, reason);
  };
  const undo = liveStreams.add({
    principalKey: key,
    credentialFingerprint: context.credential && fingerprintOf(context.credential),
    expiresAt,
    // Shutdown lets its calls finish.
    isCall: true,
    close() {
      isOver = true;
      end();
    },
  });
  return {
    undo,
    begin(begun) {
      link = begun;
      if (isOver) end();
    },
  };
}

interface Admitted {
  readonly opened: OpenedConnection;
  readonly tie: Tie;
  readonly freePlace: () => void;
}

/** A connection for which all is ready but its socket. */
function toUpgrade(room: Room, { opened, tie, freePlace }: Admitted): AcceptedUpgrade {
  const { parts, open } = room;
  let live: Live | undefined;
  const leave = (): void => {
    tie.undo();
    freePlace();
    if (live !== undefined) open.delete(live);
  };
  // Who has a socket does not wait for the record; that it failed is told to the operator.
  const settle = (outcome: Outcome): void => {
    Promise.resolve(opened.settle(outcome)).catch(parts.onError);
  };

  return {
    abandon() {
      leave();
      settle(NOT_RUN);
    },
    open(link) {
      live = serveLink(room, { opened, link, leave });
      open.add(live);
      settle({ ok: true });
      tie.begin(link);
      // It may have come in while the rest were being closed.
      if (room.isClosed()) void endInTime(live, 0);
    },
  };
}

const CLOSING = refuse('SHUTTING_DOWN', 'The gate is shutting down');
// A timer may fire a moment before its time.
const CLOCK_SLACK_MS = 50;

/** Nobody in particular is many people: these are told apart by address. */
function placeKey({ principal, context }: Caller): string {
  return isAnonymous(principal)
    ? `${principal.key} ${addressKey(context.remoteAddress ?? '')}`
    : principal.key;
}

interface LinkServing {
  readonly opened: OpenedConnection;
  readonly link: MessageLink;
  readonly leave: () => void;
}

function serveLink({ parts, maxInFlight }: Room, { opened, link, leave }: LinkServing): Live {
  const transport = createSocketTransport(link, {
    maxDepth: parts.body.maxDepth,
    maxInFlight,
    isAllowed: opened.isAllowed,
    onError: parts.onError,
  });
  const startAnew = (): void =>
    link.close(CLOSE_CODES.startAnew, 'The upstream credential has changed; connect again');
  const connection = opened.serve(transport, {
    onJudged: transport.judged,
    // After the answer that says so.
    onStale: () => setImmediate(startAnew),
  });
  const { onClose } = link;
  link.onClose = () => {
    leave();
    onClose?.();
  };
  return { link, transport, connection };
}

async function endInTime({ link, transport, connection }: Live, graceMs: number): Promise<void> {
  await within(graceMs, transport.whenIdle());
  const reason = 'The gate is shutting down';
  transport.endWith(CLOSE_CODES.shuttingDown, reason);
  await within(END_MS, connection.close());
  link.close(CLOSE_CODES.shuttingDown, reason);
}

async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
