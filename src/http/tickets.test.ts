import { describe, expect, it } from 'vitest';
import { isRefusal } from '../core/refusal.ts';
import { Secret } from '../core/secret.ts';
import { createTickets, type TicketHolder } from './tickets.ts';

const HOLDER: TicketHolder = {
  server: 'notes',
  principalKey: 'alice',
  origin: undefined,
  credential: { kind: 'bearer', token: new Secret('token') },
  headers: { 'x-tenant-id': 'acme' },
};
const USE = { server: 'notes', origin: undefined };
const PAGE = 'https://app.example';

function issue(tickets: ReturnType<typeof createTickets>, holder: Partial<TicketHolder> = {}): Secret {
  const ticket = tickets.issue({ ...HOLDER, ...holder });
  if (isRefusal(ticket)) throw new Error(ticket.message);
  return ticket;
}

describe('tickets', () => {
  it('are 256 random bits, no two alike, and go with their first use', () => {
    const tickets = createTickets(() => 0);
    const [first, second] = [issue(tickets), issue(tickets)];
    expect(Buffer.from(first.reveal(), 'base64url')).toHaveLength(32);
    expect(first.equals(second)).toBe(false);
    expect(tickets.take(new Secret(first.reveal()), USE)).toEqual(HOLDER);
    expect(tickets.take(first, USE)).toBeUndefined();
    expect(tickets.take(second, USE)).toEqual(HOLDER);
    expect(tickets.size).toBe(0);
  });

  it('print nothing', () => {
    const ticket = issue(createTickets(() => 0));
    expect(`${ticket.toString()} ${JSON.stringify({ ticket })}`).not.toContain(ticket.reveal());
  });

  it.each([
    ['unknown', { ...USE }, new Secret('x'.repeat(43))],
    ['empty', { ...USE }, new Secret('')],
    ['for another server', { server: 'files', origin: undefined }, undefined],
    ['of a page elsewhere', { server: 'notes', origin: 'https://other.example' }, undefined],
    ['of a page without one', { server: 'notes', origin: undefined }, undefined],
  ])('are refused when they are %s', (_name, use, other) => {
    const tickets = createTickets(() => 0);
    const ticket = issue(tickets, { origin: PAGE });
    expect(tickets.take(other ?? ticket, use)).toBeUndefined();
    // Whoever tries the real one in the wrong place has used it up.
    expect(tickets.take(ticket, { server: 'notes', origin: PAGE }) === undefined).toBe(other === undefined);
  });

  it('of no page are good anywhere', () => {
    const tickets = createTickets(() => 0);
    expect(tickets.take(issue(tickets), { server: 'notes', origin: PAGE })).toEqual(HOLDER);
  });

  it('last thirty seconds, and are forgotten then', () => {
    let now = 0;
    const tickets = createTickets(() => now);
    const [early, late] = [issue(tickets), issue(tickets)];
    now = 29_999;
    expect(tickets.take(early, USE)).toBeDefined();
    now = 30_000;
    expect(tickets.size).toBe(0);
    expect(tickets.take(late, USE)).toBeUndefined();
  });

  it('are so many for one principal, and so many in all', () => {
    let now = 0;
    const tickets = createTickets(() => now);
    for (let count = 0; count < 16; count++) issue(tickets);
    expect(tickets.issue(HOLDER)).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', retryAfterSeconds: 30 });
    for (let count = 16; count < 5_000; count++) issue(tickets, { principalKey: `user-${count}` });
    expect(tickets.issue({ ...HOLDER, principalKey: 'bob' })).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' });
    now = 30_000;
    expect(isRefusal(tickets.issue(HOLDER))).toBe(false);
    expect(tickets.size).toBe(1);
  });
});
