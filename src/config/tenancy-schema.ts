import * as z from 'zod';
import type { Principal } from '../core/principal.ts';
import type { TenantResolver } from '../tenancy/tenant-resolver.ts';
import type { ResourceTokenResolver } from '../tenancy/token-resolver.ts';
import { isReference, UNRESOLVED, variableName } from './auth-schema.ts';
import { hasMethod } from './snapshot.ts';
import { findBaseUrlProblem, findHeaderNameProblem, findHeaderValueProblem, isHeaderName } from './values.ts';
import {
  checkedText,
  choice,
  formedText,
  kinds,
  milliseconds,
  orInstance,
  strict,
  text,
  whole,
} from './zod-parts.ts';

export const resourceType = formedText(
  /^[a-z0-9_-]{1,63}$/,
  'must be 1 to 63 lower-case letters, digits, `_` or `-`',
);

const api = strict({
  type: z.literal('api'),
  tenantManagerUrl: checkedText(findBaseUrlProblem),
  serviceToken: checkedText((value) => (isReference(value) ? UNRESOLVED : findTokenProblem(value))),
  endpointPath: checkedText(findEndpointPathProblem).default('/api/credentials/:userId/:resourceType'),
  timeoutMs: whole(1, 60_000).default(5000),
  cacheTtlMs: milliseconds(0).default(300_000),
  customHeaders: z.record(text(), checkedText(findHeaderValueProblem)).default({}),
}).check((context) => {
  for (const name of Object.keys(context.value.customHeaders)) {
    const message = findCustomHeaderProblem(name);
    if (message !== undefined) {
      context.issues.push({ code: 'custom', message, path: ['customHeaders', name], input: undefined });
    }
  }
});

const credentials = kinds(
  [
    strict({ type: z.literal('env'), tokenEnvVar: variableName.exactOptional() }),
    strict({ type: z.literal('jwt') }),
    api,
  ],
  { supported: ['env', 'jwt', 'api'], later: ['vault', 'exchange'] },
);

const SOURCES = ['claim', 'host', 'path', 'header'] as const;

const common = {
  claim: text('With claim: default `tenant`.').optional(),
  pattern: checkedText(findPatternProblem, 'With host: for example {tenant}.example.com.').optional(),
  prefix: checkedText(findPrefixProblem, 'With path: for example /t/.').optional(),
  header: checkedText(findHeaderNameProblem, 'With header: default x-tenant-id.').optional(),
  required: z.boolean().optional().describe('Whether a caller without a tenant is refused; default true.'),
  membershipClaim: text('Claim that lists the tenants of a caller; default `tenants`.').optional(),
  dangerouslyTrustClient: z.boolean().optional().describe('Takes any tenant a client names.'),
};

const sources = choice(SOURCES, ['key']);
const userIds = choice(['subject', 'key']);

/** `tenancy` as a file may write it. */
export const tenancySchema = strict({
  from: sources.optional().describe('Where the tenant is read from.'),
  ...common,
  credentials: z.record(resourceType, credentials).default({}).describe('Upstream tokens, by resource type.'),
  toUserId: userIds.optional().describe('User id for servers where there are several issuers or tenants.'),
})
  .check((context) => pushTenancyProblems(context))
  .transform((given) => fillDefaults(given));

const tenancyOptions = strict({
  from: orInstance(isTenantResolver, sources).optional(),
  ...common,
  credentials: z.record(resourceType, orInstance(isTokenResolver, credentials)).default({}),
  toUserId: orInstance(isFunction, userIds).optional(),
});

/** `tenancy` with instances. */
export const tenancyOptionsSchema = tenancyOptions
  .check((context) => pushTenancyProblems(context))
  .transform((given) => fillDefaults(given));

export type Tenancy = z.output<typeof tenancyOptions>;

/** Not by the schema: whether they were given tells whether tenants are wanted. */
function fillDefaults<Given extends Pick<Tenancy, 'from' | 'required' | 'dangerouslyTrustClient'>>(
  given: Given,
): Given {
  if (given.from === undefined) return given;
  const { required = true, dangerouslyTrustClient = false } = given;
  return { ...given, required, dangerouslyTrustClient };
}

export function isTenantResolver(value: unknown): value is TenantResolver {
  return hasMethod(value, 'resolveTenant');
}

export function isTokenResolver(value: unknown): value is ResourceTokenResolver {
  return hasMethod(value, 'resolveToken');
}

function isFunction(value: unknown): value is (principal: Principal) => string {
  return typeof value === 'function';
}

function pushTenancyProblems(context: z.core.ParsePayload<Omit<Tenancy, 'credentials'>>): void {
  for (const [key, message] of findTenancyProblems(context.value)) {
    context.issues.push({ code: 'custom', message, path: [key], input: undefined });
  }
}

/** Option → the sources of tenants it belongs to. */
const BELONGS_TO = {
  claim: ['claim'],
  pattern: ['host'],
  prefix: ['path'],
  header: ['header'],
  membershipClaim: ['host', 'path', 'header'],
  required: SOURCES,
  dangerouslyTrustClient: SOURCES,
} as const;

type TenancyProblem = readonly [keyof Tenancy, string];

function findTenancyProblems(tenancy: Omit<Tenancy, 'credentials'>): readonly TenancyProblem[] {
  const problems: TenancyProblem[] = [];
  const { from } = tenancy;
  if (from === undefined && 'from' in tenancy) problems.push(['from', UNDEFINED]);
  for (const key of Object.keys(BELONGS_TO) as (keyof typeof BELONGS_TO)[]) {
    const allowed: readonly unknown[] = BELONGS_TO[key];
    const isAllowed = allowed.includes(from) || (allowed === SOURCES && from !== undefined);
    if (tenancy[key] !== undefined && !isAllowed) {
      problems.push([key, `has no effect without \`from: ${allowed.join('` or `')}\``]);
    }
  }
  if (from === 'host' && tenancy.pattern === undefined)
    problems.push(['pattern', 'is required with `from: host`']);
  if (from === 'path' && tenancy.prefix === undefined)
    problems.push(['prefix', 'is required with `from: path`']);
  return problems;
}

const UNDEFINED = 'is undefined: set it, or leave the key out (is an environment variable not set?)';

function findPatternProblem(value: string): string | undefined {
  const [before = '', after = '', ...rest] = value.split('{tenant}');
  const isHost = rest.length === 0 && /^[A-Za-z0-9.-]*$/.test(before + after);
  // Without a fixed parent domain any host would name a tenant.
  if (isHost && value.includes('{tenant}') && after.includes('.')) return undefined;
  return 'must hold {tenant} once in a host name without port, for example {tenant}.example.com';
}

function findPrefixProblem(value: string): string | undefined {
  const isPrefix = /^\/(?:[A-Za-z0-9._~-]+\/)*$/.test(value);
  return isPrefix ? undefined : 'must begin and end with a slash, for example /t/';
}

function findTokenProblem(value: string): string | undefined {
  return /^[\x21-\x7E]+$/.test(value) ? undefined : 'must be printable ASCII without blanks or line breaks';
}

function findEndpointPathProblem(value: string): string | undefined {
  const segments = value.split('/');
  if (!value.startsWith('/') || /[?#\s\\]/.test(value))
    return 'must be a path that starts with a slash, without query or fragment';
  if (segments.includes('.') || segments.includes('..')) return 'must not contain `.` or `..` as a segment';
  if (!segments.includes(':userId')) {
    return 'must contain `:userId` as a segment: without it every user would get the same token';
  }
  const isKnown = (segment: string): boolean =>
    segment === ':userId' || segment === ':resourceType' || !segment.includes(':');
  return segments.every(isKnown)
    ? undefined
    : 'may contain `:userId` and `:resourceType`, as whole segments, and no other parameter';
}

const FIXED_HEADERS: readonly string[] = [
  'accept',
  'authorization',
  'connection',
  'content-length',
  'host',
  'transfer-encoding',
  'x-request-id',
  'x-service-token',
  'x-user-id',
];

function findCustomHeaderProblem(name: string): string | undefined {
  if (!isHeaderName(name)) return 'must be the name of an HTTP header';
  return FIXED_HEADERS.includes(name.toLowerCase()) ? 'is set by the gate itself' : undefined;
}
