import type { Principal } from '../core/principal.ts';
import type { Secret } from '../core/secret.ts';
import { bridgeServer } from './bridge.ts';
import { fingerprintInputs } from './build-inputs.ts';
import { withDeadline } from './deadline.ts';
import { connectInner, type InnerLink } from './inner-link.ts';
import { createInstancePool, type InstancePool, type PoolStats } from './instance-pool.ts';
import { isNativeV2, type ServerSdk } from './sdk.ts';
import type { ServerProduct } from './server-product.ts';

/**
 * What a factory may know beside token and user. `requestId`, `progressToken` and `signal` are those of the one
 * request that the server is for; a pooled server is for many and is told none.
 */
export interface FactoryExtras {
  readonly principal: Principal;
  readonly requestId?: string | undefined;
  readonly progressToken?: string | number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Query parameters of the request: the client's word. */
  readonly query: Readonly<Record<string, string>>;
  /** Headers that the operator allows by name: the client's word. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Builds the server for one user: SDK v1 or v2, `Server` or `McpServer`. */
export type MCPServerFactory = (
  accessToken: string,
  userId: string,
  extras: FactoryExtras,
) => ServerProduct | Promise<ServerProduct>;

export interface InstanceRequest {
  readonly upstreamToken: Secret;
  readonly userId: string;
  readonly extras: FactoryExtras;
}

export interface InstanceOptions {
  readonly sdk: ServerSdk;
  readonly factory: MCPServerFactory;
  readonly resourceType: string;
  readonly pool?: { readonly max: number; readonly idleMs: number; readonly lifetimeMs: number } | undefined;
  /** Longest that a factory may take. Default 30000. */
  readonly buildTimeoutMs?: number | undefined;
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

/** Gives each request a server of its own: built for it, or leased for it alone. */
export interface Instances {
  /** A native v2 server, unconnected; closing it gives back or ends what is behind it. */
  open(request: InstanceRequest): Promise<ServerProduct>;
  /** The same, but never out of the pool: a protocol session would hold its place while it lies idle. */
  openOwn(request: InstanceRequest): Promise<ServerProduct>;
  /** A raw link for the gate's own questions, such as the list of tools. */
  withLink<T>(request: InstanceRequest, use: (link: InnerLink) => Promise<T>): Promise<T>;
  /** Ends pooled servers of a principal, after a rotation or revocation. */
  evict(principalKey: string): void;
  stats(): PoolStats | undefined;
  close(): Promise<void>;
}

export function createInstances(options: InstanceOptions): Instances {
  const build: Build = (request) => buildInTime(options, request);
  return options.pool === undefined
    ? freshInstances(options, build)
    : pooledInstances(options, build, options.pool);
}

type Build = (request: InstanceRequest) => Promise<ServerProduct>;

const BUILD_TIMEOUT_MS = 30_000;

/** A factory that hangs must not hold its caller, or a place in the pool, for ever. @throws TransportError */
async function buildInTime(options: InstanceOptions, request: InstanceRequest): Promise<ServerProduct> {
  const { upstreamToken, userId, extras } = request;
  const building = (async () => options.factory(upstreamToken.reveal(), userId, extras))();
  let late = false;
  building
    .then(
      (product) => (late ? product.close() : undefined),
      () => undefined,
    )
    .catch(options.onError);
  try {
    return await withDeadline(
      building,
      options.buildTimeoutMs ?? BUILD_TIMEOUT_MS,
      'The server was not built in time',
    );
  } catch (error) {
    late = true;
    throw error;
  }
}

async function openFresh(
  { sdk, onError }: InstanceOptions,
  build: Build,
  request: InstanceRequest,
): Promise<ServerProduct> {
  const product = await build(request);
  if (isNativeV2(sdk, product)) return product;
  return bridgeServer(await connectInner(product), { sdk, ownsLink: true, onError });
}

function freshInstances(options: InstanceOptions, build: Build): Instances {
  const open = (request: InstanceRequest) => openFresh(options, build, request);
  return {
    open,
    openOwn: open,
    async withLink(request, use) {
      const link = await connectInner(await build(request));
      try {
        return await use(link);
      } finally {
        await link.close();
      }
    },
    evict: () => undefined,
    stats: () => undefined,
    close: async () => undefined,
  };
}

function pooledInstances(
  options: InstanceOptions,
  build: Build,
  limits: NonNullable<InstanceOptions['pool']>,
): Instances {
  const pool: InstancePool<InnerLink> = createInstancePool<InnerLink>({
    maxSize: limits.max,
    idleTimeoutMs: limits.idleMs,
    maxLifetimeMs: limits.lifetimeMs,
    now: options.now,
    create: () => Promise.reject(new Error('Every lease brings its own way to create')),
    destroy: (link) => link.close(),
    isAlive: (link) => !link.closed,
    onError: options.onError,
  });
  const lease = (request: InstanceRequest) =>
    pool.lease(instanceKey(request, options.resourceType), request.extras.signal, async () =>
      connectInner(await build(forManyRequests(request))),
    );

  return {
    async open(request) {
      const { instance, release, discard } = await lease(request);
      return bridgeServer(instance, {
        sdk: options.sdk,
        ownsLink: false,
        // Calls that were cut off may still be at work: such a server is not for the next request.
        onDetach: (abandoned) => (abandoned === 0 ? release() : discard()),
        onError: options.onError,
      });
    },
    openOwn: (request) => openFresh(options, build, request),
    async withLink(request, use) {
      const { instance, release } = await lease(request);
      try {
        return await use(instance);
      } finally {
        release();
      }
    },
    evict: (principalKey) => pool.evict((key) => ownerOf(key) === principalKey),
    stats: () => pool.stats(),
    close: () => pool.close(),
  };
}

function forManyRequests({
  extras: { principal, query, headers },
  ...request
}: InstanceRequest): InstanceRequest {
  return { ...request, extras: { principal, query, headers } };
}

// Whatever the factory was told is in the key, so that a server is only handed out where it would be built again.
function instanceKey({ upstreamToken, userId, extras }: InstanceRequest, resourceType: string): string {
  return JSON.stringify([
    extras.principal.key,
    resourceType,
    userId,
    upstreamToken.fingerprint(),
    fingerprintInputs(extras),
  ]);
}

function ownerOf(key: string): unknown {
  const parts: unknown = JSON.parse(key);
  return Array.isArray(parts) ? parts[0] : undefined;
}
