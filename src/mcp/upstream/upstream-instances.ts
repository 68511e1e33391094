import { randomUUID } from 'node:crypto';
import { ServerPoolError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { LiveStreams } from '../../http/live-streams.ts';
import { type ClientFacts, fingerprintClient } from '../client-facts.ts';
import { createFronts } from '../fronts.ts';
import type { InnerLink } from '../inner-link.ts';
import { createInstancePool, type InstancePool, type Lease } from '../instance-pool.ts';
import type { InstanceRequest, Instances } from '../instances.ts';
import type { ServerSdk } from '../sdk.ts';
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

export interface UpstreamOptions {
  readonly sdk: ServerSdk;
  /** Connects a server that acts with this upstream token, empty when there is none, for such a client. */
  readonly connect: (upstreamToken: Secret, client?: ClientFacts) => Promise<InnerLink>;
  readonly limits: UpstreamLimits;
  /** Ends the calls that wait for their client when a credential or principal is revoked. */
  readonly liveStreams?: Pick<LiveStreams, 'add'> | undefined;
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

/**
 * Servers that are processes or connections of their own, each for one user and one upstream token. All of them
 * count: those of protocol sessions and connections too, which are kept for nobody else.
 */
export function createUpstreamInstances(options: UpstreamOptions): Instances {
  const { limits } = options;
  const fronts = createFronts({ ...options, poolSize: limits.max });
  const pool = createLinkPool(options);
  const lease = async (request: InstanceRequest, isKept: boolean): Promise<Lease<InnerLink>> => {
    const { upstreamToken, extras, client } = request;
    const key = instanceKey(request, isKept);
    const found = await pool.lease(key, extras.signal, () => options.connect(upstreamToken, client));
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
        const own = await lease(request, false);
        const end = (): void => {
          leave();
          own.discard();
        };
        return front({ instance: own.instance, release: end, discard: end }, request);
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

function ownerOf(key: string): string {
  const [owner] = JSON.parse(key) as readonly string[];
  return owner ?? '';
}
