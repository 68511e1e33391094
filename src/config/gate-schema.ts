import * as z from 'zod';
import type { AuditSink } from '../audit/audit-sink.ts';
import type { AuthProvider } from '../authn/auth-provider.ts';
import { authEntry } from './auth-schema.ts';
import { authorization, isAuthorizer, ruleKey } from './authorization-schema.ts';
import type { AuditCallback, McpServerFactory } from './options.ts';
import { hasMethod } from './snapshot.ts';
import { resourceType, tenancy, tenancyOptions } from './tenancy-schema.ts';
import * as values from './values.ts';
import { checkedText, choice, formedText, kinds, milliseconds, orInstance, strict, text, texts, whole } from './zod-parts.ts';

const listen = strict(
  {
    host: checkedText(values.findListenHostProblem, 'Address to listen on.').default('127.0.0.1'),
    port: whole(0, 65_535).default(3000),
    path: checkedText(values.findPathProblem, 'Path of the server, or of the folder of servers.').default('/mcp'),
    trustedProxies: texts(checkedText(values.findRangeProblem)).default([]),
    allowedHosts: texts(checkedText(values.findHostNameProblem)).default([]),
    allowedOrigins: texts(checkedText(values.findOriginProblem)).default([]),
  },
  { later: ['tls'] },
);

const LATER_SERVERS = ['command', 'url', 'express', 'tools', 'env'];

const serverCommon = {
  instances: strict({
    mode: choice(['fresh', 'pooled']).default('fresh'),
    max: whole(1, 100_000).default(100),
    idleMs: milliseconds().default(300_000),
    lifetimeMs: milliseconds().default(3_600_000),
  }).prefault({}),
  sessions: strict({
    mode: choice(['stateless', 'stateful']).default('stateless'),
    idleMs: milliseconds().default(300_000),
    lifetimeMs: milliseconds().default(3_600_000),
    max: whole(1, 1_000_000).default(1000),
    maxPerPrincipal: whole(1, 1_000_000).default(100),
  }).prefault({}),
  timeoutMs: milliseconds().optional(),
  resourceType: resourceType.optional().describe('Default: the name of the server.'),
  extras: strict({
    query: texts().default([]),
    headers: texts(checkedText(values.findHeaderNameProblem)).default([]),
  }).prefault({}),
};

const moduleServer = strict(
  { module: text('Path or package that exports createServer.'), ...serverCommon },
  { later: LATER_SERVERS, refused: { factory: 'can be given in code only; a file names a `module`' } },
);

const codeServer = strict(
  { module: text().exactOptional(), factory: z.custom<McpServerFactory>(isFunction, 'must be a function').exactOptional(), ...serverCommon },
  { later: LATER_SERVERS },
).check((context) => {
  const { module, factory } = context.value;
  if ((module === undefined) === (factory === undefined)) {
    context.issues.push({ code: 'custom', message: 'needs either `module` or `factory`', input: undefined });
  }
});

const serverName = formedText(
  /^[a-z0-9][a-z0-9_-]{0,62}$/,
  'must be 1 to 63 lower-case letters, digits, `_` or `-`, and start with a letter or digit',
);

function servers<Server extends z.ZodType>(server: Server) {
  return z.record(serverName, server).refine((record) => Object.keys(record).length > 0, 'needs at least one server');
}

const limits = strict({
  calls: z
    .array(
      strict({
        per: choice(['principal', 'tenant', 'tool'], ['key']),
        rate: checkedText(values.findRateProblem, 'For example 100/min.'),
        burst: whole(1, 999_999_999).optional(),
        tool: ruleKey.optional(),
      }),
    )
    .default([]),
  failures: strict({
    max: whole(1, 1_000_000).default(20),
    windowSeconds: whole(1, 86_400).default(60),
  }).prefault({}),
  bodyBytes: whole(1024, 1_073_741_824).default(4_194_304),
  bodyDepth: whole(8, 1000).default(64),
  bodyTimeoutMs: milliseconds().default(10_000),
  timeoutMs: milliseconds().optional(),
  concurrency: whole(1, 1_000_000).optional(),
});

const auditFile = strict({
  type: z.literal('file'),
  path: text(),
  durability: choice(['batched', 'before-answer']).default('batched'),
  onFull: choice(['refuse', 'drop']).default('refuse'),
});

const auditEntry = kinds([strict({ type: z.literal('console') }), auditFile], {
  supported: ['console', 'file'],
  later: ['store'],
});

const publicUrl = checkedText(values.findBaseUrlProblem, 'The canonical URL clients use, without the servers’ paths.');
const LATER = { later: ['store', 'oauth'] };

/** What a configuration file may say. The published JSON Schema is generated from it. */
export const gateConfigSchema = strict(
  {
    $schema: z.string().optional(),
    version: z.literal(1, 'must be 1'),
    publicUrl: publicUrl.exactOptional(),
    listen: listen.optional(),
    servers: servers(moduleServer),
    auth: z.array(authEntry).min(1),
    tenancy: tenancy.optional(),
    authorization: authorization.optional(),
    limits: limits.prefault({}),
    audit: z.array(auditEntry).default([]),
  },
  LATER,
);

/** The same with instances, for code. */
export const gateOptionsSchema = strict(
  {
    ...gateConfigSchema.shape,
    version: z.literal(1, 'must be 1').default(1),
    servers: servers(codeServer),
    auth: z.array(orInstance(isAuthProvider, authEntry)).min(1),
    tenancy: tenancyOptions.optional(),
    authorization: orInstance(isAuthorizer, authorization).optional(),
    audit: z.array(orInstance(isAuditSink, orInstance(isAuditCallback, auditEntry))).default([]),
  },
  LATER,
);

/** A configuration with its own defaults filled; what depends on several parts is filled later. */
export type FilledOptions = z.output<typeof gateOptionsSchema>;

/** Defaults of `listen`, for a gate that does not ask for a listener. */
export const LISTEN_DEFAULTS = listen.parse({});

export function isAuthProvider(value: unknown): value is AuthProvider {
  return hasMethod(value, 'authenticate');
}

export function isAuditSink(value: unknown): value is AuditSink {
  return hasMethod(value, 'write');
}

export function isAuditCallback(value: unknown): value is AuditCallback {
  return isFunction(value);
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
