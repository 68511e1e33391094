import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';
import type { AuditEvent } from '../../src/audit/audit-sink.ts';
import type { GateOptions } from '../../src/config/options.ts';
import { createGate, type Gate } from '../../src/gate.ts';
import { createLocalIssuer, type LocalIssuer, type TokenInit } from '../../src/testing/local-issuer.ts';

export interface Harness {
  readonly gate: Gate;
  readonly issuer: LocalIssuer;
  /** Where the first server is reached. */
  readonly url: string;
  /** The canonical URI of the first server, which tokens are for. */
  readonly resource: string;
  readonly origin: string;
  readonly events: AuditEvent[];
  /** A token of alice for the first server, unless told otherwise. */
  token(init?: Partial<TokenInit>): Promise<string>;
}

export type HarnessOptions = Omit<GateOptions, 'auth'> & {
  /** Default: the harness's own issuer. */
  readonly auth?: GateOptions['auth'] | ((issuer: LocalIssuer) => GateOptions['auth']);
};

// Tests fail on purpose, and often: the limit on failures has tests of its own.
const PATIENT = { failures: { max: 100_000 } };

/** A gate with a real issuer, both on loopback, closed when the test is over. */
export async function startGate(options: HarnessOptions): Promise<Harness> {
  const issuer = await createLocalIssuer();
  onTestFinished(() => issuer.close());
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const events: AuditEvent[] = [];
  const { auth = [jwtOf(issuer)], ...rest } = options;
  const gate = await createGate({
    audit: [(event: AuditEvent) => void events.push(event)],
    // Tests provoke what should not happen; what they expect of it they ask for themselves.
    onError: () => undefined,
    publicUrl: origin,
    ...rest,
    auth: typeof auth === 'function' ? auth(issuer) : auth,
    limits: { ...PATIENT, ...rest.limits },
    listen: { host: '127.0.0.1', port, path: '/mcp', ...rest.listen },
  });
  onTestFinished(() => gate.close());
  await gate.listen();
  const [first] = gate.servers;
  const resource = first?.resource ?? '';
  return {
    gate,
    issuer,
    url: `${origin}${first?.path ?? ''}`,
    resource,
    origin,
    events,
    token: (init = {}) => issuer.token({ subject: 'alice', audience: resource, ...init }),
  };
}

/** The entry of a configuration that trusts an issuer. */
export function jwtOf({
  issuer,
  jwksUri,
}: LocalIssuer): Extract<GateOptions['auth'][number], { type: 'jwt' }> {
  return { type: 'jwt', issuer, jwksUri };
}

// Below the range from which systems take ports for outgoing connections: nobody gets one between our two looks.
const FIRST_PORT = 15_000;
const PORTS = 15_000;

/** A port of 127.0.0.1 on which nothing listens, for servers that have to know theirs beforehand. */
export async function freePort(): Promise<number> {
  const port = FIRST_PORT + randomInt(PORTS);
  return (await isFree(port)) ? port : freePort();
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
