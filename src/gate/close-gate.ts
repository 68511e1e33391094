import type { Listener } from '../http/listener.ts';
import type { Site } from '../http/site.ts';
import type { Assembly } from './assemble.ts';
import type { GateConnection } from './connection.ts';
import type { WebSocketEntry } from './websocket.ts';

/** A site that knows how many of its requests have no answer yet. */
export interface Traffic {
  readonly site: Site;
  readonly unanswered: number;
}

export function countTraffic(site: Site): Traffic {
  let unanswered = 0;
  return {
    async site(request) {
      unanswered += 1;
      try {
        return await site(request);
      } finally {
        unanswered -= 1;
      }
    },
    get unanswered() {
      return unanswered;
    },
  };
}

/** How requests reach a gate. */
export interface WaysIn {
  readonly traffic: Traffic;
  readonly listening: Promise<Listener> | undefined;
  readonly connections: Iterable<GateConnection>;
  readonly webSockets?: Iterable<WebSocketEntry>;
}

/** Longest that calls in flight may take to finish. */
const GRACE_MS = 30_000;
/** Longest that any part may take to let go of what it holds. */
const RELEASE_MS = 5_000;

/**
 * Refuses what is new, ends streams, lets what is under way finish within a bound, and then releases every part,
 * the audit log last: it has their outcomes.
 */
export async function closeGate(
  assembly: Assembly,
  { traffic, listening, connections, webSockets = [] }: WaysIn,
): Promise<void> {
  assembly.refuseNew();
  assembly.liveStreams.closeAll();
  const listener = await listening?.catch(() => undefined);
  const isIdle = () => traffic.unanswered === 0 && assembly.servers.every(({ guard }) => guard.running === 0);
  const sockets = [...webSockets].map((entry) => entry.close(GRACE_MS));
  await Promise.all([listener?.close(GRACE_MS), whenIdle(isIdle, GRACE_MS), ...sockets]);
  const { servers, progress, tenancy, auth, audit } = assembly;
  await releaseAll([
    ...[...connections].map((connection) => () => connection.close()),
    // Before the servers close, which would record what is cut off as answers of theirs; and after, for what came in
    // meanwhile.
    ...servers.flatMap(({ runtime, guard }) => [
      () => guard.abandonAll(),
      () => runtime.close(),
      () => guard.abandonAll(),
    ]),
    () => progress.close(),
    ...tenancy.resolvers.map((resolver) => () => resolver.cleanup?.()),
    () => auth.provider.cleanup?.(),
    () => audit.close(),
  ]);
}

/** Whatever happens to one part, the others are released; what failed is thrown at the end. */
async function releaseAll(releases: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const release of releases) {
    await soon(async () => release()).catch((error: unknown) => failures.push(error));
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, 'Not every part of the gate could be closed');
}

async function soon(work: () => Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    // Not unref'd: the process must not end while something is still to be released after this.
    timer = setTimeout(() => reject(new Error('A part of the gate did not close in time')), RELEASE_MS);
  });
  try {
    await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

const IDLE_POLL_MS = 20;

async function whenIdle(isIdle: () => boolean, graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs;
  while (!isIdle() && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, IDLE_POLL_MS));
  }
}
