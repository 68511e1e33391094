import type { LiveStreams } from '../http/live-streams.ts';
import type { AskedLink } from './asked-link.ts';
import type { ClientFacts } from './client-facts.ts';
import type { Lent } from './direct-server.ts';
import { createFronts, type Fronts } from './fronts.ts';
import { connectInner, type InnerLink } from './inner-link.ts';
import { instanceKey, ownerOf } from './instance-key.ts';
import { createInstancePool, type InstancePool, type Lease, type PoolStats } from './instance-pool.ts';
import { createLastingLink, type OpenedLink } from './lasting-link.ts';
import type { HearChange, InnerLinkOptions } from './link-contract.ts';
import { findEraBinding } from './modern-era.ts';
import { createNativeInstance, type NativeInstance, type NativeInstanceOptions } from './native-instance.ts';
import { findRequestDispatch } from './request-dispatch.ts';
import { isNativeV2, type ServerSdk } from './sdk.ts';
import { type BuildOptions, type BuildRequest, buildInTime } from './server-factory.ts';
import type { JsonRpcNotification, ServerProduct } from './server-product.ts';

export interface InstanceRequest extends BuildRequest {
  /** What a server behind a bridge is told of its client; nothing where nobody asks for a client. */
  readonly client?: ClientFacts | undefined;
  /** Of the credential that the client presented: its revocation ends the calls that wait for the client. */
  readonly credentialFingerprint?: string | undefined;
  /** Names the waiting call to which the client returns (2026 era). */
  readonly requestState?: string | undefined;
}

export interface InstanceOptions extends BuildOptions {
  readonly sdk: ServerSdk;
  readonly resourceType: string;
  readonly pool?: { readonly max: number; readonly idleMs: number; readonly lifetimeMs: number } | undefined;
  /** Longest that a client, often a person, may take over a question of its server. Default ten minutes. */
  readonly clientTimeoutMs?: number | undefined;
  /** Ends the calls that wait for their client when a credential or principal is revoked. */
  readonly liveStreams?: Pick<LiveStreams, 'add'> | undefined;
  /** A pooled server behind a link tells of a change while nobody is connected to it. */
  readonly onUnheardChange?: ((principalKey: string, notification: JsonRpcNotification) => void) | undefined;
  readonly now: () => number;
}

/** Gives each request a server of its own: built for it, or leased for it alone. */
export interface Instances {
  /** A native v2 server, unconnected; closing it gives back or ends what is behind it. */
  open(request: InstanceRequest): Promise<ServerProduct>;
  /**
   * A pooled server for one request: one that serves its era on any transport, or else the link to one. Absent where
   * there is no pool.
   */
  readonly lend?: ((request: InstanceRequest) => Lent | Promise<Lent>) | undefined;
  /** The same, but never out of the pool: a protocol session would hold its place while it lies idle. */
  openOwn(request: InstanceRequest): Promise<ServerProduct>;
  /** A raw link for the gate's own questions, such as the list of tools. */
  withLink<T>(request: InstanceRequest, use: (link: AskedLink) => Promise<T>): Promise<T>;
  /** Ends pooled servers of a principal, after a rotation or revocation. */
  evict(principalKey: string): void;
  stats(): PoolStats | undefined;
  close(): Promise<void>;
}

export function createInstances(options: InstanceOptions): Instances {
  const build: Build = (request) => buildInTime(options, request);
  const fronts = createFronts({ ...options, poolSize: options.pool?.max });
  return options.pool === undefined
    ? freshInstances(options, build, fronts)
    : pooledInstances({ ...options, pool: options.pool }, build, fronts);
}

/** What a server behind a bridge is told of its client. */
function toldOf({ client }: InstanceRequest): Pick<InnerLinkOptions, 'capabilities' | 'clientInfo'> {
  return { capabilities: client?.capabilities, clientInfo: client?.info };
}

type Build = (request: InstanceRequest) => Promise<ServerProduct>;

function openFresh({ sdk }: InstanceOptions, build: Build, fronts: Fronts): Instances['open'] {
  return async (request) => {
    const returned = fronts.reopen(request);
    if (returned !== undefined) return returned;
    const product = await build(request);
    if (isNativeV2(sdk, product)) return product;
    return fronts.open(await connectInner(product, toldOf(request)), request, { ownsLink: true });
  };
}

/** A server of our SDK ends its session or connection with it; what is behind a link is built again. */
function openLasting(options: InstanceOptions, build: Build, fronts: Fronts): Instances['openOwn'] {
  const { sdk, now, onError } = options;
  return async (request) => {
    const product = await build(request);
    if (isNativeV2(sdk, product)) return product;
    const connect = async (made: ServerProduct): Promise<OpenedLink> => {
      const opened = await connectInner(made, toldOf(request));
      return { link: opened, end: () => opened.close() };
    };
    const link = createLastingLink(await connect(product), {
      // The client of the request that opened the session or connection may have gone long ago.
      reopen: async () => connect(await build(forManyRequests(request))),
      now,
      onError,
    });
    return fronts.open(link, request, { ownsLink: true });
  };
}

function freshInstances(options: InstanceOptions, build: Build, fronts: Fronts): Instances {
  const open = openFresh(options, build, fronts);
  return {
    open,
    openOwn: openLasting(options, build, fronts),
    async withLink(request, use) {
      const link = await connectInner(await build(request));
      try {
        return await use(link);
      } finally {
        await link.close();
      }
    },
    evict: (principalKey) => fronts.endAllOf(principalKey),
    stats: () => undefined,
    close: async () => fronts.close(),
  };
}

/** What is kept in a pool. Servers of our SDK serve requests themselves, others over a link. */
type Pooled =
  | { readonly kind: 'native'; readonly instance: NativeInstance }
  | { readonly kind: 'link'; readonly link: InnerLink };

function pooledInstances(
  options: InstanceOptions & { readonly pool: NonNullable<InstanceOptions['pool']> },
  build: Build,
  fronts: Fronts,
): Instances {
  const pool = createPool(options);
  const ways = { takeRequests: findRequestDispatch(options.sdk), bindToRequest: findEraBinding(options.sdk) };
  const lease = (request: InstanceRequest): Lease<Pooled> | Promise<Lease<Pooled>> => {
    const key = instanceKey(request, options.resourceType);
    return (
      pool.reuse(key, request.presence) ??
      pool.lease(key, request.presence, () => buildPooled({ ...options, ...ways }, build, request))
    );
  };

  const toUse = ({ instance, release, discard }: Lease<Pooled>) => {
    // Calls that were cut off may still be at work: such a server is not for the next request.
    const onDetach = (abandoned: number) => (abandoned === 0 ? release() : discard());
    const onEnd = (isClean: boolean) => (isClean ? release() : discard());
    return { pooled: instance, lifetime: { ownsLink: false, onDetach }, onEnd };
  };

  return {
    async open(request) {
      const returned = fronts.reopen(request);
      if (returned !== undefined) return returned;
      const { pooled, lifetime, onEnd } = toUse(await lease(request));
      return pooled.kind === 'native'
        ? pooled.instance.lend(onEnd)
        : fronts.open(pooled.link, request, lifetime);
    },
    lend(request) {
      const toLent = (given: Lease<Pooled>): Lent => {
        const { pooled, lifetime, onEnd } = toUse(given);
        return pooled.kind === 'native'
          ? { product: pooled.instance.seat(onEnd) }
          : fronts.lend(pooled.link, request, lifetime);
      };
      const leased = lease(request);
      return leased instanceof Promise ? leased.then(toLent) : toLent(leased);
    },
    openOwn: openLasting(options, build, fronts),
    async withLink(request, use) {
      const { instance, release, discard } = await lease(request);
      if (instance.kind === 'link') return use(instance.link).finally(release);
      try {
        const result = await instance.instance.ask(use);
        release();
        return result;
      } catch (error) {
        discard();
        throw error;
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

function createPool({
  pool: limits,
  now,
  onError,
}: InstanceOptions & { readonly pool: NonNullable<InstanceOptions['pool']> }): InstancePool<Pooled> {
  return createInstancePool<Pooled>({
    maxSize: limits.max,
    idleTimeoutMs: limits.idleMs,
    maxLifetimeMs: limits.lifetimeMs,
    now,
    create: () => Promise.reject(new Error('Every lease brings its own way to create')),
    destroy: (pooled) => (pooled.kind === 'native' ? pooled.instance.close() : pooled.link.close()),
    isAlive: (pooled) => pooled.kind === 'native' || !pooled.link.closed,
    onError,
  });
}

async function buildPooled(
  {
    sdk,
    onUnheardChange,
    takeRequests,
    bindToRequest,
  }: InstanceOptions & Pick<NativeInstanceOptions, 'takeRequests' | 'bindToRequest'>,
  build: Build,
  request: InstanceRequest,
): Promise<Pooled> {
  const product = await build(forManyRequests(request));
  // The server lasts, so nothing that lasts with it may hold the request that it was built for.
  const { key } = request.extras.principal;
  const hear: HearChange = (notification) => onUnheardChange?.(key, notification);
  return isNativeV2(sdk, product)
    ? {
        kind: 'native',
        instance: await createNativeInstance(sdk, product, {
          client: request.client,
          onUnheard: hear,
          takeRequests,
          bindToRequest,
        }),
      }
    : { kind: 'link', link: await connectInner(product, { ...toldOf(request), onUnheardChange: hear }) };
}

/** The same, but told nothing of the one request that it came with. */
export function forManyRequests(request: InstanceRequest): InstanceRequest {
  const { principal, query, headers } = request.extras;
  return { ...request, extras: { principal, query, headers }, presence: undefined };
}
