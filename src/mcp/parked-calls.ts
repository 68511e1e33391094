import { createHash, randomBytes } from 'node:crypto';
import { TransportError } from '../core/errors.ts';
import type { LiveStreams } from '../http/live-streams.ts';
import { toCanonicalJson } from './catalog.ts';
import type { LinkUse } from './link-use.ts';
import type { RunningCall } from './running-call.ts';
import type { JsonObject } from './server-product.ts';

/** For whom a call waits; whoever returns to it must be the same in everything but the credential presented. */
export interface CallOwner {
  readonly principalKey: string;
  /** Of everything that the server was built with: upstream token, user, extras. */
  readonly binding: string;
  /** Whether several people are this one principal, as everyone is who has not signed in. */
  readonly isShared?: boolean | undefined;
  /** Of the credential that the client presented; its revocation ends the call. */
  readonly credentialFingerprint?: string | undefined;
}

/** What a client repeats when it returns. */
export interface CallContent {
  readonly method: string;
  readonly params: JsonObject | undefined;
}

export interface ParkedCall {
  readonly call: RunningCall;
  /** What the call runs on. */
  readonly use: LinkUse;
}

/**
 * Calls whose server waits for an answer of its client while no request of the client is open (2026 era). Each is known
 * by a `requestState` of 256 random bits, which serves once, and only its owner repeating the very same call.
 */
export interface ParkedCalls {
  /**
   * Where its principal has enough of them, the oldest of its own ends, if the principal is one person.
   *
   * @returns the `requestState`; undefined when others take all the room.
   */
  park(parked: ParkedCall, owner: CallOwner, content: CallContent): string | undefined;
  /** What a returning owner's call runs on, without taking it. Undefined for unknown and for foreign calls alike. */
  find(requestState: string, owner: CallOwner): LinkUse | undefined;
  /** Ends the wait. Undefined for unknown, reused and foreign calls, and for another content, all alike. */
  take(requestState: string, owner: CallOwner, content: CallContent): ParkedCall | undefined;
  endAllOf(principalKey: string): void;
  readonly size: number;
  /** Ends all of them, and takes no more. */
  close(): void;
}

export interface ParkedCallsOptions {
  /** How long a call may wait. Default ten minutes. */
  readonly timeoutMs?: number | undefined;
  /** Default 1000. */
  readonly max?: number | undefined;
  /** At least 1. Default 16. */
  readonly maxPerPrincipal?: number | undefined;
  /** Knows when a credential or a principal is revoked. */
  readonly liveStreams?: Pick<LiveStreams, 'add'> | undefined;
}

const TIMEOUT_MS = 600_000;
const MAX = 1_000;
const MAX_PER_PRINCIPAL = 16;
const STATE_BYTES = 32;

interface Entry extends ParkedCall {
  readonly owner: CallOwner;
  readonly content: string;
  readonly timer: NodeJS.Timeout;
  readonly forget: () => void;
}

export function createParkedCalls(options: ParkedCallsOptions = {}): ParkedCalls {
  const { timeoutMs = TIMEOUT_MS, max = MAX, maxPerPrincipal = MAX_PER_PRINCIPAL, liveStreams } = options;
  // By hash: what lies here is nothing to return with.
  const entries = new Map<string, Entry>();
  let isClosed = false;

  const remove = (key: string): Entry | undefined => {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    entries.delete(key);
    clearTimeout(entry.timer);
    entry.forget();
    return entry;
  };
  const end = (key: string): void => {
    remove(key)?.call.cancel(new TransportError('The client did not return to its call'));
  };
  const owned = (requestState: string, owner: CallOwner): Entry | undefined => {
    const entry = entries.get(sha256(requestState));
    if (entry === undefined) return undefined;
    const isOwn = entry.owner.principalKey === owner.principalKey && entry.owner.binding === owner.binding;
    return isOwn ? entry : undefined;
  };
  // Oldest first. Questions that were left unanswered must not keep their own principal from being asked again.
  const makeRoom = ({ principalKey, isShared }: CallOwner): boolean => {
    const own = [...entries].filter(([, { owner }]) => owner.principalKey === principalKey);
    const isFull = own.length >= maxPerPrincipal || entries.size >= max;
    const oldest = own[0];
    if (!isFull) return true;
    if (oldest === undefined || isShared === true) return false;
    end(oldest[0]);
    return true;
  };

  return {
    park(parked, owner, content) {
      if (isClosed || !makeRoom(owner)) return undefined;
      const requestState = randomBytes(STATE_BYTES).toString('base64url');
      const key = sha256(requestState);
      const { principalKey, credentialFingerprint } = owner;
      const forget = liveStreams?.add({ principalKey, credentialFingerprint, close: () => end(key) });
      entries.set(key, {
        ...parked,
        owner,
        content: hashOf(content),
        timer: setTimeout(() => end(key), timeoutMs).unref(),
        forget: () => forget?.(),
      });
      return requestState;
    },
    find: (requestState, owner) => owned(requestState, owner)?.use,
    take(requestState, owner, content) {
      if (owned(requestState, owner)?.content !== hashOf(content)) return undefined;
      return remove(sha256(requestState));
    },
    endAllOf(principalKey) {
      for (const [key, { owner }] of [...entries]) if (owner.principalKey === principalKey) end(key);
    },
    get size() {
      return entries.size;
    },
    close() {
      isClosed = true;
      for (const key of [...entries.keys()]) end(key);
    },
  };
}

/** Of a call as its client repeats it: `_meta` is another with each request. */
function hashOf({ method, params }: CallContent): string {
  const { _meta: _, ...lasting } = params ?? {};
  return sha256(toCanonicalJson([method, lasting]));
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('base64url');
}
