import { randomUUID } from 'node:crypto';
import { ServerPoolError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { LiveStreams } from '../../http/live-streams.ts';
import { type ClientFacts, fingerprintClient } from '../client-facts.ts';
import { createFronts } from '../fronts.ts';
import type { InnerLink } from '../inner-link.ts';
import { ownerOf } from '../instance-key.ts';
import { createInstancePool, type InstancePool, type Lease } from '../instance-pool.ts';
import { forManyRequests, type InstanceRequest, type Instances } from '../instances.ts';
import { createLastingLink, type OpenedLink } from '../lasting-link.ts';
import type { HearChange } from '../link-contract.ts';
import type { ServerSdk } from '../sdk.ts';
import type { JsonRpcNotification } from '../server-product.ts';
import { findFailure } from './upstream-product.ts';

export interface UpstreamLimits {
  /** Servers of all users together, whether they are kept, in use or on their way out. */
  readonly max: number;
  readonly maxPerPrincipal: number;
  readonly idleMs: number;
  readonly lifetimeMs: number;
  /** Whether a server is kept for the next request of its user. */
  readonly keeps: boolean;
}

/** For whom a server is connected. */
export interface UpstreamUser {
  readonly principalKey: string;
  /** What it acts with; empty when there is none. */
  readonly upstreamToken: Secret;
  /** What it is told of the client. */
  readonly client: ClientFacts | undefined;
  /** To be told of changes while nobody is connected; absent for a server that is kept for nobody. */
  readonly onUnheardChange: HearChange | undefined;
}

export interface UpstreamOptions {
  readonly sdk: ServerSdk;
  readonly connect: (user: UpstreamUser) => Promise<InnerLink>;
  readonly limits: UpstreamLimits;
  /** Ends the calls that wait for their client when a credential or principal is revoked. */
  readonly liveStreams?: Pick<LiveStreams, 'add'> | undefined;
  /** A kept server tells of a change while nobody is connected to it. */
  readonly onUnheardChange?: ((principalKey: string, notification: JsonRpcNotification) => void) | undefined;
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

/**
 * Servers that are processes or connections of their own, each for one user and one upstream token. All of them
 * count: those of protocol sessions and connections too, which are kept for nobody else.
 */
export function createUpstreamInstances(options: UpstreamOptions): Instances {
  const { limits } = options;
  const fronts = createFronts({
    ...options,
    poolSize: limits.max,
    poolSizePerPrincipal: limits.maxPerPrincipal,
  });
  const pool = createLinkPool(options);
  const lease = async (request: InstanceRequest, isKept: boolean): Promise<Lease<InnerLink>> => {
    const { upstreamToken, extras, client, presence } = request;
    const key = instanceKey(request, isKept);
    const principalKey = extras.principal.key;
    const onUnheardChange = isKept
      ? (notification: JsonRpcNotification) => options.onUnheardChange?.(principalKey, notification)
      : undefined;
    const user = { principalKey, upstreamToken, client, onUnheardChange };
    const found = await pool.lease(key, presence, () => options.connect(user));
    // Under its key it is found by an eviction, but never by another request.
    return isKept ? found : { ...found, release: found.discard };
  };
  const front = ({ instance, release, discard }: Lease<InnerLink>, request: InstanceRequest) =>
    fronts.open(instance, request, {
      ownsLink: false,
      // Calls that were cut off may still be at work: such a server is not for the next request.
      onDetach: (abandoned) => (abandoned === 0 ? release() : discard()),
    });

  const lasting = createLastingPlaces(limits);

  return {
    async open(request) {
      const returned = fronts.reopen(request);
      if (returned !== undefined) return returned;
      return front(await lease(request, limits.keeps), request);
    },
    async openOwn(request) {
      const leave = lasting.enter(request.extras.principal.key);
      try {
        const link = createLastingLink(toOpened(await lease(request, false)), {
          // The client of the request that opened the session or connection may have gone long ago.
          reopen: async () => toOpened(await lease(forManyRequests(request), false)),
          onEnd: leave,
          now: options.now,
          onError: options.onError,
        });
        return fronts.open(link, request, { ownsLink: true });
      } catch (error) {
        leave();
        throw error;
      }
    },
    async withLink(request, use) {
      const { instance, release } = await lease(request, limits.keeps);
      try {
        return await use(instance);
      } catch (error) {
        throw findFailure(error) ?? error;
      } finally {
        release();
      }
    },
    evict(principalKey) {
      pool.evict((key) => ownerOf(key) === principalKey);
      fronts.endAllOf(principalKey);
    },
    stats: () => pool.stats(),
    close() {
      fronts.close();
      return pool.close();
    },
  };
}

function toOpened({ instance, discard }: Lease<InnerLink>): OpenedLink {
  return { link: instance, end: discard };
}

function createLinkPool({ limits, now, onError }: UpstreamOptions): InstancePool<InnerLink> {
  return createInstancePool<InnerLink>({
    maxSize: limits.max,
    perOwner: { max: limits.maxPerPrincipal, ownerOf },
    countsUntilDestroyed: true,
    idleTimeoutMs: limits.idleMs,
    maxLifetimeMs: limits.lifetimeMs,
    now,
    create: () => Promise.reject(new Error('Every lease brings its own way to create')),
    destroy: (link) => link.close(),
    isAlive: (link) => !link.closed,
    onError,
  });
}

/**
 * What lasts leaves one place of each bound to what does not: the gate itself asks a server for its lists, also on
 * behalf of a session.
 */
function createLastingPlaces({ max, maxPerPrincipal }: UpstreamLimits) {
  const held = new Map<string, number>();
  let total = 0;
  return {
    /** @throws ServerPoolError (SERVER_POOL_ERROR) when there is none left */
    enter(owner: string): () => void {
      const own = held.get(owner) ?? 0;
      if (total >= Math.max(1, max - 1) || own >= Math.max(1, maxPerPrincipal - 1)) {
        throw new ServerPoolError('Too many sessions and connections hold a server; try again later', {
          detail: `${own} of this principal, ${total} of all`,
        });
      }
      held.set(owner, own + 1);
      total += 1;
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        total -= 1;
        const rest = (held.get(owner) ?? 1) - 1;
        if (rest === 0) held.delete(owner);
        else held.set(owner, rest);
      };
    },
  };
}

// All that such a server is told of its user is the token, and what the user's client can do.
function instanceKey({ upstreamToken, extras, client }: InstanceRequest, isKept: boolean): string {
  return JSON.stringify([
    extras.principal.key,
    upstreamToken.fingerprint(),
    fingerprintClient(client),
    ...(isKept ? [] : [randomUUID()]),
  ]);
}
