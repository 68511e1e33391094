import * as z from 'zod';
import { findBaseUrlProblem } from './values.ts';
import { checkedText, choice, formedText, kinds, strict, text, texts, whole } from './zod-parts.ts';

const HMAC_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
const ASYMMETRIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** Bytes; RFC 7518 §3.2 wants a key at least as long as the hash, and HS256 is the shortest. */
const MIN_SECRET_BYTES = 32;

const VARIABLE = formedText(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable');

const jwtShape = strict({
  type: z.literal('jwt'),
  issuer: text('Exact value of the `iss` claim.').exactOptional(),
  audience: z
    .union([text(), texts().min(1)], { error: 'must be text or a list of texts' })
    .exactOptional()
    .describe('Default: the resource of the server.'),
  jwksUri: checkedText(findBaseUrlProblem, 'Where the issuer publishes its keys.').exactOptional(),
  publicKey: checkedText(
    findPublicKeyProblem,
    'The issuer’s key: PEM public key or certificate, or a JWK.',
  ).exactOptional(),
  secret: checkedText(findSecretProblem, 'Shared secret of at least 32 bytes.').exactOptional(),
  algorithms: z
    .array(choice([...HMAC_ALGORITHMS, ...ASYMMETRIC_ALGORITHMS]))
    .min(1)
    .optional()
    .describe('Default: all that fit the key.'),
  clockToleranceSeconds: whole(0, 600).default(10).describe('By how much clocks may differ.'),
  profile: choice(['at+jwt', 'jwt', 'any']).default('any').describe('Which `typ` a token must have.'),
  claims: strict({
    user: text().optional(),
    tenant: text().optional(),
    scopes: text().optional(),
    roles: text().optional(),
    groups: text().optional(),
    permissions: text().optional(),
  })
    .optional()
    .describe('Claims that hold the parts of a principal; dots lead into nested ones.'),
  extractTokens: z.boolean().default(false).describe('Whether the token carries upstream tokens.'),
  tokensClaim: text().default('tokens').describe('Claim with {resourceType: token}.'),
  clientIds: texts()
    .min(1)
    .optional()
    .describe('Client ids of ours: a token for one of them is an ID token.'),
});

type Jwt = z.output<typeof jwtShape>;

/** Bearer tokens signed by an issuer. */
const jwt = jwtShape.check((context) => {
  for (const [key, message] of findJwtProblems(context.value)) {
    context.issues.push({ code: 'custom', message, path: [key], input: undefined });
  }
});

const environment = strict({
  type: z.literal('environment'),
  userIdEnvVar: VARIABLE.default('MCP_USER_ID').describe('Variable that names the user.'),
  defaultUserId: text().optional().describe('Who it is when the variable is not set.'),
  requireUserId: z.boolean().optional().describe('Whether the variable must be set.'),
  dangerouslyAllowEnvOverHttp: z
    .boolean()
    .default(false)
    .describe('Everybody on this machine is that user; loopback only.'),
});

/** One entry of `auth` as a file may write it. */
export const authEntry = kinds([jwt, environment], {
  supported: ['jwt', 'environment'],
  later: ['api-key', 'introspection', 'session', 'client-certificate'],
});

export type AuthEntry = z.output<typeof authEntry>;

/** An entry of kind `env` of `tenancy.credentials` names its variable by the same rule. */
export const variableName = VARIABLE;

function findJwtProblems(entry: Jwt): readonly (readonly [keyof Jwt, string])[] {
  const problems: (readonly [keyof Jwt, string])[] = [];
  const sources = (['secret', 'publicKey', 'jwksUri'] as const).filter((key) => entry[key] !== undefined);
  const [source, second] = sources;
  if (second !== undefined) {
    problems.push([second, `must not stand beside \`${source}\`: keys come from one place only`]);
  }
  if (entry.issuer === undefined && source !== 'secret') {
    problems.push([
      'issuer',
      source === undefined
        ? 'is required to find the keys (or give one of jwksUri, publicKey and secret)'
        : `is required with \`${source}\`: keys say who signed only together with the issuer`,
    ]);
  }
  if (source === undefined && entry.issuer !== undefined) {
    const problem = findBaseUrlProblem(entry.issuer);
    if (problem !== undefined) problems.push(['issuer', `${problem} (or give jwksUri, publicKey or secret)`]);
  }
  const usable: readonly string[] = source === 'secret' ? HMAC_ALGORITHMS : ASYMMETRIC_ALGORITHMS;
  const unusable = entry.algorithms?.filter((algorithm) => !usable.includes(algorithm)) ?? [];
  if (unusable.length > 0) {
    const keys = source === 'secret' ? 'a shared secret' : 'public keys';
    problems.push([
      'algorithms',
      `${unusable.join(', ')} cannot be used with ${keys} (usable: ${usable.join(', ')})`,
    ]);
  }
  const audiences = typeof entry.audience === 'string' ? [entry.audience] : (entry.audience ?? []);
  if (audiences.some((audience) => entry.clientIds?.includes(audience) === true)) {
    problems.push(['audience', 'must not be one of `clientIds`: ID tokens would pass for access tokens']);
  }
  return problems;
}

function findSecretProblem(value: string): string | undefined {
  // A public key taken for a secret would let anybody sign.
  if (value.includes('-----BEGIN'))
    return 'holds a key in PEM; use `publicKey` for the public key of an issuer';
  if (isReference(value)) return UNRESOLVED;
  if (new TextEncoder().encode(value).length < MIN_SECRET_BYTES) {
    return `must be at least ${MIN_SECRET_BYTES} bytes long: for example, openssl rand -base64 48`;
  }
  return undefined;
}

function findPublicKeyProblem(value: string): string | undefined {
  if (value.includes('PRIVATE KEY-----')) return 'holds a private key; only the public one belongs here';
  if (isReference(value)) return UNRESOLVED;
  const key = value.trimStart();
  if (/^-----BEGIN (PUBLIC KEY|CERTIFICATE)-----/.test(key)) return undefined;
  const form = 'must be a PEM public key, a PEM certificate or a JWK as JSON';
  return key.startsWith('{') ? findJwkProblem(key, form) : form;
}

// RFC 7517 §4.1, RFC 7518 §6: `d` is the private part of a key pair, `k` a shared secret.
function findJwkProblem(json: string, form: string): string | undefined {
  try {
    const { kty, d, k } = JSON.parse(json) as Record<string, unknown>;
    if (d !== undefined || k !== undefined) return 'holds a private key; only the public one belongs here';
    return typeof kty === 'string' ? undefined : form;
  } catch {
    return form;
  }
}

/** Whether a secret is the text of a reference: in code nothing resolves it, and the text is no secret. */
export function isReference(value: string): boolean {
  return value.startsWith('${env:') || value.startsWith('${file:');
}

export const UNRESOLVED =
  'holds a reference (`${…}`), which is resolved in configuration files only; in code pass the value itself';
