import { isAnonymous, type Principal } from '../core/principal.ts';
import type { Secret } from '../core/secret.ts';
import type { LiveStreams } from '../http/live-streams.ts';
import { type BridgeFront, type BridgeOptions, bridgeServer, bridgeUse } from './bridge.ts';
import { fingerprintInputs } from './build-inputs.ts';
import { withoutClientMistakes } from './client-mistakes.ts';
import type { LentLink } from './direct-server.ts';
import type { InnerLink } from './inner-link.ts';
import { createLinkUse } from './link-use.ts';
import { type CallOwner, createParkedCalls, type ParkedCallsOptions } from './parked-calls.ts';
import type { ServerSdk } from './sdk.ts';

/** Whose request a front is for. A part of what a server is opened with. */
export interface FrontRequest {
  readonly upstreamToken: Secret;
  readonly userId: string;
  readonly extras: {
    readonly principal: Principal;
    readonly query: Readonly<Record<string, string>>;
    readonly headers: Readonly<Record<string, string>>;
  };
  readonly credentialFingerprint?: string | undefined;
  readonly requestState?: string | undefined;
}

/** Fronts for servers behind links, and the calls that wait there for their client when the front is gone. */
export interface Fronts {
  open(
    link: InnerLink,
    request: FrontRequest,
    lifetime: Pick<BridgeOptions, 'ownsLink' | 'onDetach'>,
  ): BridgeFront;
  /** The link itself for one request that needs no front. */
  lend(
    link: InnerLink,
    request: FrontRequest,
    lifetime: Pick<BridgeOptions, 'ownsLink' | 'onDetach'>,
  ): LentLink;
  /** A front on what a waiting call runs on, where its owner returns to it; nothing else is opened for it. */
  reopen(request: FrontRequest): BridgeFront | undefined;
  /** Ends the calls of a principal that wait for their client. */
  endAllOf(principalKey: string): void;
  /** Ends all of them, so that what they run on can be closed. */
  close(): void;
}

export interface FrontsOptions {
  readonly sdk: ServerSdk;
  readonly onError: (error: unknown) => void;
  readonly liveStreams?: Pick<LiveStreams, 'add'> | undefined;
  /** Longest that a client, often a person, may take over a question of its server. Default ten minutes. */
  readonly clientTimeoutMs?: number | undefined;
  /** Of the pool that links come from: waiting calls take only a part of it. */
  readonly poolSize?: number | undefined;
  /** How much of the pool one principal may have. */
  readonly poolSizePerPrincipal?: number | undefined;
}

export function createFronts(options: FrontsOptions): Fronts {
  const { sdk, liveStreams, clientTimeoutMs } = options;
  const onError = withoutClientMistakes(options.onError);
  const calls = createParkedCalls({
    liveStreams,
    timeoutMs: clientTimeoutMs,
    ...shareOf(options),
  });
  const common = (request: FrontRequest) => ({
    sdk,
    onError,
    clientTimeoutMs,
    parking: { calls, owner: toOwner(request) },
  });
  return {
    open: (link, request, lifetime) => bridgeServer(link, { ...common(request), ...lifetime }),
    lend(link, request, { ownsLink, onDetach: onEnd }) {
      let owner: CallOwner | undefined;
      return {
        use: createLinkUse(link, { ownsLink, onEnd, onError }),
        parking: {
          calls,
          // Few calls ever wait, and who they wait for takes work to tell.
          get owner() {
            owner ??= toOwner(request);
            return owner;
          },
        },
        clientTimeoutMs,
      };
    },
    reopen(request) {
      if (request.requestState === undefined) return undefined;
      const use = calls.find(request.requestState, toOwner(request));
      return use === undefined ? undefined : bridgeUse(use, common(request));
    },
    endAllOf: (principalKey) => calls.endAllOf(principalKey),
    close: () => calls.close(),
  };
}

// A call that waits holds an instance: those who only wait must not keep everybody else out, nor their own other calls.
function shareOf({
  poolSize,
  poolSizePerPrincipal: own = poolSize,
}: FrontsOptions): Pick<ParkedCallsOptions, 'max' | 'maxPerPrincipal'> {
  if (poolSize === undefined || own === undefined) return {};
  const maxPerPrincipal = Math.min(16, Math.floor(poolSize / 4), Math.floor(own / 2));
  return { max: Math.max(1, Math.floor(poolSize / 2)), maxPerPrincipal: Math.max(1, maxPerPrincipal) };
}

function toOwner({ upstreamToken, userId, extras, credentialFingerprint }: FrontRequest): CallOwner {
  const { principal, query, headers } = extras;
  const binding = [upstreamToken.fingerprint(), userId, fingerprintInputs({ principal, query, headers })];
  return {
    principalKey: principal.key,
    isShared: isAnonymous(principal),
    binding: JSON.stringify(binding),
    credentialFingerprint,
  };
}
