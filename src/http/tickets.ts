import { randomBytes } from 'node:crypto';
import type { Credential } from '../core/credential.ts';
import { type Refusal, refuse } from '../core/refusal.ts';
import { Secret } from '../core/secret.ts';
import type { HeaderFields } from './inbound-request.ts';

/** Who asked for a ticket, and with what: enough to be authenticated again. */
export interface TicketHolder {
  /** Name of the server that it is for. */
  readonly server: string;
  readonly principalKey: string;
  /** Of the page that asked; undefined outside a browser. */
  readonly origin: string | undefined;
  readonly credential: Credential | undefined;
  readonly headers: HeaderFields;
}

/**
 * One-time tickets, for clients that cannot send a header with an upgrade: browsers. A ticket is 256 random bits, kept
 * as a hash, and goes with the first attempt to use it.
 */
export interface Tickets {
  issue(holder: TicketHolder): Secret | Refusal;
  /** Undefined for an unknown, used or expired one, and for one of another server or origin, which is used up by it. */
  take(ticket: Secret, use: Pick<TicketHolder, 'server' | 'origin'>): TicketHolder | undefined;
  /** Tickets that could still be used. */
  readonly size: number;
}

export const TICKET_SECONDS = 30;

const MAX_TICKETS = 5_000;
const MAX_PER_PRINCIPAL = 16;

interface Entry {
  readonly holder: TicketHolder;
  readonly expiresAtMs: number;
}

export function createTickets(now: () => number): Tickets {
  // By the hash of the ticket, in the order in which they expire.
  const entries = new Map<string, Entry>();
  let sweeper: NodeJS.Timeout | undefined;

  const sweep = (): void => {
    for (const [hash, { expiresAtMs }] of entries) {
      if (expiresAtMs > now()) break;
      entries.delete(hash);
    }
  };
  // Nobody's credential is kept longer than it could be used.
  const sweepSoon = (): void => {
    sweeper ??= setTimeout(() => {
      sweeper = undefined;
      sweep();
      if (entries.size > 0) sweepSoon();
    }, TICKET_SECONDS * 1000).unref();
  };
  const countOf = (principalKey: string): number => {
    let count = 0;
    for (const { holder } of entries.values()) if (holder.principalKey === principalKey) count += 1;
    return count;
  };

  return {
    issue(holder) {
      sweep();
      if (entries.size >= MAX_TICKETS) return full('Too many tickets are waiting to be used');
      if (countOf(holder.principalKey) >= MAX_PER_PRINCIPAL) return full('Use the tickets you have first');
      const ticket = new Secret(randomBytes(32).toString('base64url'));
      entries.set(ticket.fingerprint(), { holder, expiresAtMs: now() + TICKET_SECONDS * 1000 });
      sweepSoon();
      return ticket;
    },
    take(ticket, { server, origin }) {
      const hash = ticket.fingerprint();
      const entry = entries.get(hash);
      if (entry === undefined) return undefined;
      // Gone before it is looked at: whatever is wrong with it, there is no second attempt.
      entries.delete(hash);
      const { holder, expiresAtMs } = entry;
      if (expiresAtMs <= now() || holder.server !== server) return undefined;
      return holder.origin === undefined || holder.origin === origin ? holder : undefined;
    },
    get size() {
      sweep();
      return entries.size;
    },
  };
}

function full(message: string): Refusal {
  return refuse('RATE_LIMIT_EXCEEDED', message, { retryAfterSeconds: TICKET_SECONDS });
}
