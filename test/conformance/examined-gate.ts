import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGate } from 'mcp-gatehouse';
import type { GateOptions } from 'mcp-gatehouse/config';
import { createLocalIssuer } from 'mcp-gatehouse/testing';
import { UPSTREAM_TOKEN } from './upstream-token.ts';

const SERVER = 'everything';
export const TENANT = 'acme';
const SUBJECT = 'examiner';

export type ServerOptions = GateOptions['servers'][string];

/** A gate with every guard on, and what it takes to be let through. */
export interface ExaminedGate {
  readonly url: URL;
  /** A token that may do what the scenarios need, or one with these scopes only. */
  token(scopes?: readonly string[]): Promise<string>;
  /** The audit log, line by line. */
  readAudit(): Promise<readonly AuditLine[]>;
  /** What the gate told of that should not happen. */
  readonly errors: readonly unknown[];
  close(): Promise<void>;
}

export interface AuditLine {
  readonly decision?: string;
  readonly tenant?: string;
  readonly [field: string]: unknown;
}

/** The policy of the demo, for a server with the tools of the suite. */
export async function startExaminedGate(server: ServerOptions): Promise<ExaminedGate> {
  const issuer = await createLocalIssuer();
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
  const auditFile = join(folder, 'audit.jsonl');
  const errors: unknown[] = [];
  const port = await findFreePort();
  const origin = `http://127.0.0.1:${port}`;
  const gate = await createGate({
    publicUrl: origin,
    listen: { host: '127.0.0.1', port, path: '/mcp' },
    servers: { [SERVER]: { ...server, sessions: { mode: 'stateful' } } },
    auth: [{ type: 'jwt', issuer: issuer.issuer, jwksUri: issuer.jwksUri }],
    tenancy: {
      from: 'claim',
      toUserId: 'subject',
      required: true,
      credentials: { [SERVER]: { resolveToken: async (user) => (user === SUBJECT ? UPSTREAM_TOKEN : null) } },
    },
    authorization: POLICY,
    limits: {
      calls: [{ per: 'principal', rate: '6000/min' }],
      failures: { max: 1000 },
      concurrency: 50,
      timeoutMs: 60_000,
    },
    audit: [{ type: 'file', path: auditFile, durability: 'before-answer' }],
    onError: (error) => void errors.push(error),
  });
  await gate.listen();
  const [served] = gate.servers;
  const url = new URL(served?.path ?? '/', origin);
  return {
    url,
    errors,
    token: (scopes = ['conformance:run']) =>
      issuer.token({
        subject: SUBJECT,
        audience: served?.resource ?? '',
        tenant: TENANT,
        scopes,
        roles: ['examiner'],
        expiresInSeconds: 3600,
      }),
    async readAudit() {
      const lines = (await readFile(auditFile, 'utf8')).split('\n').filter((line) => line !== '');
      return lines.map((line) => JSON.parse(line) as AuditLine);
    },
    async close() {
      await gate.close();
      await issuer.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const POLICY: NonNullable<GateOptions['authorization']> = {
  endpoint: { scopes: ['conformance:read'] },
  hierarchy: { 'conformance:run': ['conformance:read'] },
  tools: {
    [`${SERVER}/*`]: { scopes: ['conformance:read'] },
    [`${SERVER}/test_*`]: { scopes: ['conformance:run'] },
    [`${SERVER}/test_error_handling`]: { roles: ['examiner'] },
    [`${SERVER}/purge_all`]: { roles: ['admin'] },
  },
  prompts: { [`${SERVER}/*`]: { scopes: ['conformance:read'] } },
  resources: { [`${SERVER}/*`]: { scopes: ['conformance:read'] } },
};

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
