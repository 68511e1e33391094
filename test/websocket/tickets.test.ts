import { describe, expect, onTestFinished, test } from 'vitest';
import type { AuthProvider } from '../../src/authn/auth-provider.ts';
import { parseGateOptions } from '../../src/config/schema.ts';
import { createPrincipal } from '../../src/core/principal.ts';
import { openGate } from '../../src/gate.ts';
import { connectV2 } from '../support/clients.ts';
import { freePort, startGate } from '../support/gate-harness.ts';
import { type NotesOptions, startNotes } from '../support/notes-gate.ts';
import { notesFactory } from '../support/notes-server.ts';
import {
  askTicket,
  createWebSocketTransport,
  openRawSocket,
  type SocketInit,
  socketUrl,
  UpgradeRefused,
} from '../support/websocket-client.ts';
import { raw } from '../support/wire.ts';

const PAGE = 'https://app.example';

const start = (options: NotesOptions = {}) =>
  startNotes({ ...options, listen: { webSocket: true, allowedOrigins: [PAGE], ...options.listen } });

/** Takes every token for the name of its user. */
const CREDULOUS: AuthProvider = {
  authenticate: async ({ credential }) =>
    credential?.kind === 'bearer'
      ? {
          authenticated: true,
          principal: createPrincipal({ issuer: 'urn:x', subject: credential.token.reveal() }),
        }
      : { authenticated: false, reason: 'absent' },
};

/** A gate by a clock of the test’s. */
async function openAt(now: () => number): Promise<string> {
  const options = {
    servers: { notes: { factory: notesFactory() } },
    auth: [CREDULOUS],
    listen: { host: '127.0.0.1', port: await freePort(), webSocket: true },
  };
  const gate = await openGate(parseGateOptions(options, { allowInstances: true }), { now });
  onTestFinished(() => gate.close());
  return (await gate.listen()).url;
}

async function statusOf(url: string, init: SocketInit = {}): Promise<number> {
  const outcome: unknown = await openRawSocket(url, init).catch((error: unknown) => error);
  return outcome instanceof UpgradeRefused ? outcome.status : 101;
}

describe('[config/adapters-websocket] a ticket', () => {
  test('lets a page connect: as a subprotocol, which nobody logs, or in the query', async () => {
    const gate = await start();
    const token = await gate.token();
    const first = await askTicket(gate.url, { token, origin: PAGE });
    expect(first).toEqual({
      ticket: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as unknown,
      expiresIn: 30,
      url: socketUrl(gate.resource),
    });
    const protocols = ['mcp', `mcp.ticket.${first.ticket}`];
    const transport = createWebSocketTransport(first.url, { origin: PAGE, protocols });
    const client = await connectV2(transport);
    expect((await client.callTool({ name: 'whoami' }))['content']).toEqual([{ type: 'text', text: 'alice' }]);

    const second = await askTicket(gate.url, { token, origin: PAGE });
    expect(await statusOf(`${second.url}?ticket=${second.ticket}`, { origin: PAGE })).toBe(101);
  });

  test('is never echoed, told to a factory, or on record', async () => {
    const gate = await start({ server: { extras: { query: ['ticket', 'board'] } } });
    const { ticket, url } = await askTicket(gate.url, { token: await gate.token() });
    const { socket } = await openRawSocket(`${url}?board=b`, { protocols: [`mcp.ticket.${ticket}`, 'mcp'] });
    expect(socket.protocol).toBe('mcp');
    const again = await askTicket(gate.url, { token: await gate.token() });
    const client = await connectV2(createWebSocketTransport(`${url}?ticket=${again.ticket}&board=b`));
    await client.listTools();
    expect(gate.runs.built.map(({ extras }) => extras.query)).toEqual(
      gate.runs.built.map(() => ({ board: 'b' })),
    );
    expect(await statusOf(`${url}?ticket=${again.ticket}`)).toBe(401);
    const seen = JSON.stringify([gate.events, gate.runs]);
    for (const secret of [ticket, again.ticket]) expect(seen).not.toContain(secret);
    expect(gate.events.filter(({ method }) => method === 'http/ticket')).toHaveLength(2);
  });

  test('is good once, however many try at once', async () => {
    const gate = await start();
    const { ticket, url } = await askTicket(gate.url, { token: await gate.token() });
    const attempts = Array.from({ length: 8 }, () => statusOf(`${url}?ticket=${ticket}`));
    const statuses = await Promise.all(attempts);
    expect(statuses.filter((status) => status === 101)).toHaveLength(1);
    expect(statuses.filter((status) => status === 401)).toHaveLength(7);
    expect(gate.events.filter(({ code }) => code === 'INVALID_TOKEN')).toHaveLength(7);
  });

  test('is over after thirty seconds', async () => {
    let now = Date.now();
    const url = await openAt(() => now);
    const [early, late] = [
      await askTicket(url, { token: 'alice' }),
      await askTicket(url, { token: 'alice' }),
    ];
    now += 29_999;
    expect(await statusOf(socketUrl(url, `?ticket=${early.ticket}`))).toBe(101);
    now += 1;
    expect(await statusOf(socketUrl(url, `?ticket=${late.ticket}`))).toBe(401);
  });

  test('of one server opens no other, and is used up by the attempt', async () => {
    const gate = await startGate({
      servers: { one: { factory: notesFactory() }, two: { factory: notesFactory() } },
      listen: { webSocket: true },
    });
    const [one = '', two = ''] = gate.gate.servers.map(({ resource }) => resource);
    // The token is good for both: what is refused is the ticket.
    const token = await gate.token({ audience: [one, two] });
    const { ticket } = await askTicket(one, { token });
    expect(await statusOf(socketUrl(two, `?ticket=${ticket}`))).toBe(401);
    expect(await statusOf(socketUrl(one, `?ticket=${ticket}`))).toBe(401);
    const fresh = await askTicket(two, { token });
    expect(await statusOf(`${fresh.url}?ticket=${fresh.ticket}`)).toBe(101);
  });

  test('of a page opens nothing elsewhere', async () => {
    const other = 'https://other.example';
    const gate = await start({ listen: { allowedOrigins: [PAGE, other] } });
    const token = await gate.token();
    for (const origin of [other, undefined]) {
      const { ticket, url } = await askTicket(gate.url, { token, origin: PAGE });
      expect(await statusOf(`${url}?ticket=${ticket}`, { origin })).toBe(401);
    }
  });

  test('is worth what its credential is worth by then', async () => {
    const gate = await start();
    const revoked = await gate.token();
    const ticket = await askTicket(gate.url, { token: revoked });
    gate.gate.revoke({ token: revoked });
    expect(await statusOf(`${ticket.url}?ticket=${ticket.ticket}`)).toBe(401);

    const brief = await askTicket(gate.url, { token: await gate.token({ expiresInSeconds: 3 }) });
    await new Promise((resolve) => setTimeout(resolve, 3_100));
    expect(await statusOf(`${brief.url}?ticket=${brief.ticket}`)).toBe(401);
  });

  test('is of the tenant that it was asked for as', async () => {
    const gate = await start({
      tenancy: { from: 'header', membershipClaim: 'tenants', toUserId: 'subject' },
      server: { extras: { query: [], headers: ['x-tenant-id'] } },
    });
    const token = await gate.token({ claims: { tenants: ['acme', 'globex'] } });
    const headers = { authorization: `Bearer ${token}`, 'x-tenant-id': 'acme' };
    const response = await fetch(`${gate.url}/ticket`, { method: 'POST', headers });
    const { ticket, url } = (await response.json()) as { ticket: string; url: string };
    const client = await connectV2(createWebSocketTransport(`${url}?ticket=${ticket}`));
    await client.listTools();
    expect(new Set(gate.runs.built.map(({ extras }) => extras.principal.tenantId))).toEqual(
      new Set(['acme']),
    );

    const again = await fetch(`${gate.url}/ticket`, { method: 'POST', headers });
    const other = (await again.json()) as { ticket: string };
    const elsewhere = { headers: { 'x-tenant-id': 'globex' } };
    expect(await statusOf(`${url}?ticket=${other.ticket}`, elsewhere)).toBe(401);
  });

  test('tells where it is good, under a tenant’s own path too', async () => {
    const gate = await start({
      tenancy: { from: 'path', prefix: '/t/', membershipClaim: 'tenants', toUserId: 'subject' },
    });
    const token = await gate.token({ claims: { tenants: ['acme'] } });
    const { ticket, url } = await askTicket(`${gate.origin}/t/acme/mcp`, { token });
    expect(url).toBe(`${gate.origin.replace('http', 'ws')}/t/acme/mcp/ws`);
    expect(await statusOf(`${url}?ticket=${ticket}`)).toBe(101);
    const other = await askTicket(`${gate.origin}/t/acme/mcp`, { token });
    expect(await statusOf(`${url.replace('acme', 'globex')}?ticket=${other.ticket}`)).not.toBe(101);
  });

  test('serves the one who asked for it and nobody else', async () => {
    const gate = await start();
    const [alice, bob] = await Promise.all(
      ['alice', 'bob'].map(async (subject) => askTicket(gate.url, { token: await gate.token({ subject }) })),
    );
    const names = await Promise.all(
      [alice, bob].map(async (given) => {
        const client = await connectV2(createWebSocketTransport(`${given?.url}?ticket=${given?.ticket}`));
        return (await client.callTool({ name: 'whoami' }))['content'];
      }),
    );
    expect(names).toEqual([[{ type: 'text', text: 'alice' }], [{ type: 'text', text: 'bob' }]]);
  });

  test.each([
    ['with a header', (ticket: string) => `?ticket=${ticket}`, ['mcp'], true],
    ['twice in the query', (ticket: string) => `?ticket=${ticket}&ticket=${ticket}`, ['mcp'], false],
    ['in both places', (ticket: string) => `?ticket=${ticket}`, ['mcp', 'mcp.ticket.x'], false],
  ] as const)('that comes %s is refused, and stays good', async (_name, query, protocols, withToken) => {
    const gate = await start();
    const token = await gate.token();
    const { ticket, url } = await askTicket(gate.url, { token });
    expect(await statusOf(url + query(ticket), { protocols, ...(withToken && { token }) })).toBe(400);
    expect(await statusOf(`${url}?ticket=${ticket}`)).toBe(101);
  });

  test('that is made up is refused, and counted against its address', async () => {
    const gate = await start({ limits: { failures: { max: 3 } } });
    const madeUp = (): Promise<number> => statusOf(socketUrl(gate.url, `?ticket=${'a'.repeat(43)}`));
    expect([await madeUp(), await madeUp(), await madeUp(), await madeUp()]).toEqual([401, 401, 401, 429]);
  });

  test('is given to whoever is authenticated, by POST, within limits', async () => {
    const gate = await start({
      authorization: { allowsAnonymous: true, decide: () => ({ effect: 'allow' }) },
      limits: { calls: [{ per: 'principal', rate: '3/day' }] },
    });
    expect((await raw(`${gate.url}/ticket`, { method: 'POST' })).status).toBe(401);
    const authorization = ['authorization', `Bearer ${await gate.token()}`] as const;
    const got = await raw(`${gate.url}/ticket`, { headers: [authorization] });
    expect([got.status, got.headers['allow']]).toEqual([405, 'POST']);
    const ask = () =>
      raw(`${gate.url}/ticket`, { method: 'POST', headers: [authorization, ['origin', PAGE]] });
    const answer = await ask();
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    expect(answer.headers['access-control-allow-origin']).toBe(PAGE);
    expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([200, 200, 429]);
  });
});
