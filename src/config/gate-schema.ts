import * as z from 'zod';
import type { AuditSink } from '../audit/audit-sink.ts';
import type { AuthProvider } from '../authn/auth-provider.ts';
import { authEntry } from './auth-schema.ts';
import { authorizationSchema, isAuthorizer, ruleKey } from './authorization-schema.ts';
import type { AuditCallback } from './options.ts';
import { codeServer, fileServer } from './server-schema.ts';
import { hasMethod } from './snapshot.ts';
import { tenancyOptionsSchema, tenancySchema } from './tenancy-schema.ts';
import { tls } from './tls-schema.ts';
import * as values from './values.ts';
import {
  checkedText,
  choice,
  formedText,
  kinds,
  milliseconds,
  orInstance,
  strict,
  text,
  texts,
  whole,
} from './zod-parts.ts';

const listen = strict({
  host: checkedText(values.findListenHostProblem, 'Address to listen on.').default('127.0.0.1'),
  port: whole(0, 65_535).default(3000).describe('0 takes any free port and needs a publicUrl.'),
  path: checkedText(values.findPathProblem, 'Path of the server, or of the folder of servers.').default(
    '/mcp',
  ),
  trustedProxies: texts(checkedText(values.findRangeProblem))
    .default([])
    .describe('Addresses and CIDR ranges of proxies whose forwarded headers count.'),
  allowedHosts: texts(checkedText(values.findHostNameProblem))
    .default([])
    .describe('Host names served besides the one of publicUrl and loopback.'),
  allowedOrigins: texts(checkedText(values.findOriginProblem))
    .default([])
    .describe('Exact origins whose pages may call, besides the one of publicUrl.'),
  webSocket: z
    .boolean()
    .default(false)
    .describe('Whether WebSocket connections are taken too, at <path>/ws.'),
  tls: tls.exactOptional().describe('Serve HTTPS, by TLS 1.2 or later.'),
});

const serverName = formedText(
  /^[a-z0-9][a-z0-9_-]{0,62}$/,
  'must be 1 to 63 lower-case letters, digits, `_` or `-`, and start with a letter or digit',
);

function servers<Server extends z.ZodType>(server: Server) {
  return z
    .record(serverName, server)
    .refine((record) => Object.keys(record).length > 0, 'needs at least one server')
    .meta({ description: 'The servers behind the gate, by name.', minProperties: 1 });
}

const limits = strict({
  calls: z
    .array(
      strict({
        per: choice(['principal', 'tenant', 'tool'], ['key']),
        rate: checkedText(values.findRateProblem, 'For example 100/min.'),
        burst: whole(1, 999_999_999)
          .optional()
          .describe('Calls at once after a pause; default the count of rate.'),
        tool: ruleKey.optional().describe('Counts only calls of these tools: <server>/<pattern>.'),
      }),
    )
    .default([])
    .describe('How often calls may come; all that apply must allow a call.'),
  failures: strict({
    max: whole(1, 1_000_000).default(20),
    windowSeconds: whole(1, 86_400).default(60),
  })
    .prefault({})
    .describe('Failed authentications per address.'),
  bodyBytes: whole(1024, 1_073_741_824).default(4_194_304),
  bodyDepth: whole(8, 1000).default(64),
  bodyTimeoutMs: milliseconds().default(10_000),
  timeoutMs: milliseconds().optional().describe('Longest a call may take.'),
  concurrency: whole(1, 1_000_000).optional().describe('Calls of one principal that may run at once.'),
});

const auditFile = strict({
  type: z.literal('file'),
  path: text(),
  durability: choice(['batched', 'before-answer'])
    .default('batched')
    .describe('before-answer: on disk before the caller hears of it.'),
  onFull: choice(['refuse', 'drop']).default('refuse').describe('Whether calls are refused or events lost.'),
}).check((context) => {
  const { durability, onFull } = context.value;
  if (durability === 'before-answer' && onFull === 'drop') {
    const message = 'must not be `drop` with `before-answer`, which promises that nothing is lost';
    context.issues.push({ code: 'custom', message, path: ['onFull'], input: undefined });
  }
});

const auditEntry = kinds([strict({ type: z.literal('console') }), auditFile], {
  supported: ['console', 'file'],
  later: ['store'],
});

const auditTarget = orInstance(isLikeSink, orInstance(isAuditCallback, auditEntry)).check((context) => {
  if (!isLikeSink(context.value)) return;
  const missing = SINK_METHODS.filter((method) => !hasMethod(context.value, method));
  if (missing.length === 0) return;
  const message = `is an audit sink without ${missing.join(' and ')}`;
  context.issues.push({ code: 'custom', message, input: undefined });
});

const publicUrl = checkedText(
  values.findBaseUrlProblem,
  'The canonical URL clients use, without the servers’ paths.',
);
const LATER = { later: ['store', 'oauth'] };

/** What a configuration file may say. The published JSON Schema is generated from it. */
export const gateConfigSchema = strict(
  {
    $schema: z.string().optional().describe('This schema, for editors.'),
    version: z.literal(1, 'must be 1, the version of this format').describe('Version of this format.'),
    publicUrl: publicUrl.exactOptional(),
    listen: listen.optional().describe('The HTTP listener; leave it out for stdio only.'),
    servers: servers(fileServer),
    auth: z.array(authEntry).min(1).describe('Who may come in; asked in order.'),
    tenancy: tenancySchema.optional().describe('Tenants, and upstream credentials by resource type.'),
    authorization: authorizationSchema.optional().describe('Who may do what.'),
    limits: limits.prefault({}).describe('What is too much.'),
    audit: z.array(auditEntry).default([]).describe('Where what happens is recorded.'),
  },
  LATER,
);

/** The same with instances, for code. */
export const gateOptionsSchema = strict(
  {
    ...gateConfigSchema.shape,
    version: z.literal(1, 'must be 1, the version of this format').default(1),
    servers: servers(codeServer),
    auth: z.array(orInstance(isAuthProvider, authEntry)).min(1),
    tenancy: tenancyOptionsSchema.optional(),
    authorization: orInstance(isAuthorizer, authorizationSchema).optional(),
    audit: z.array(auditTarget).default([]),
    onError: z.custom<(error: unknown) => void>(isFunction, 'must be a function').exactOptional(),
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

const SINK_METHODS = ['write', 'flush', 'close'] as const;

/** Whatever is meant to be a sink, complete or not. */
function isLikeSink(value: unknown): value is AuditSink {
  return hasMethod(value, 'write') || hasMethod(value, 'flush');
}

export function isAuditCallback(value: unknown): value is AuditCallback {
  return isFunction(value);
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
