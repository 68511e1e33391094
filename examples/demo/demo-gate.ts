import { createServer } from 'node:net';
import { type AuditEvent, createGate, type Gate } from 'mcp-gatehouse';
import { createLocalIssuer, type LocalIssuer } from 'mcp-gatehouse/testing';
import { createNotesServer } from './notes-server.ts';
import { NotesStore } from './notes-store.ts';
import { createReportsServer } from './reports-server.ts';

export const PEOPLE = ['alice', 'bob', 'admin'] as const;
export type Person = (typeof PEOPLE)[number];

export interface Demo {
  readonly gate: Gate;
  readonly urls: { readonly notes: string; readonly reports: string };
  readonly events: readonly AuditEvent[];
  token(person: Person, scopes?: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

/** Each person's account at the upstream API. A real gate finds these in a vault or asks a tenant manager. */
const UPSTREAM_TOKENS = new Map(PEOPLE.map((person) => [person as string, `upstream-${person}`]));

/** The gate of the demo: a local issuer, two servers, scopes, limits and an audit log. */
export async function startDemo(port: number): Promise<Demo> {
  const issuer = await createLocalIssuer();
  const events: AuditEvent[] = [];
  const publicUrl = `http://127.0.0.1:${port}`;
  const gate = await createGate({
    publicUrl,
    listen: { host: '127.0.0.1', port, path: '/mcp' },
    servers: {
      notes: { factory: createNotesServer(new NotesStore()) },
      reports: { factory: createReportsServer },
    },
    auth: [{ type: 'jwt', issuer: issuer.issuer, jwksUri: issuer.jwksUri }],
    tenancy: {
      credentials: { notes: { resolveToken: async (userId) => UPSTREAM_TOKENS.get(userId) ?? null } },
    },
    authorization: {
      hierarchy: { 'notes:write': ['notes:read'] },
      tools: {
        'notes/list_notes': { scopes: ['notes:read'] },
        'notes/add_note': { scopes: ['notes:read'] },
        'notes/delete_note': { scopes: ['notes:write'] },
        'notes/purge_all': { roles: ['admin'] },
      },
    },
    limits: { calls: [{ per: 'principal', rate: '300/min' }] },
    audit: [(event) => void events.push(event)],
  });
  await gate.listen();
  const urls = { notes: `${publicUrl}/mcp/notes`, reports: `${publicUrl}/mcp/reports` };
  return {
    gate,
    urls,
    events,
    token: (person, scopes = ['notes:read']) => mint(issuer, { person, scopes, urls }),
    async close() {
      await gate.close();
      await issuer.close();
    },
  };
}

interface Grant {
  readonly person: Person;
  readonly scopes: readonly string[];
  readonly urls: Demo['urls'];
}

function mint(issuer: LocalIssuer, { person, scopes, urls }: Grant): Promise<string> {
  return issuer.token({
    subject: person,
    audience: Object.values(urls),
    scopes,
    roles: person === 'admin' ? ['admin'] : [],
    clientId: 'demo',
    expiresInSeconds: 12 * 3600,
  });
}

/** A port that was free a moment ago. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
