import { TokenResolutionError } from '../core/errors.ts';

/** Whose credential is asked for, and for which service. */
export interface CredentialSubject {
  readonly userId: string;
  readonly resourceType: string;
}

/** The address of one credential; every id is one path segment, whatever it holds. */
export type CredentialEndpoint = (subject: CredentialSubject) => string;

const PLACEHOLDERS: ReadonlyMap<string, keyof CredentialSubject> = new Map([
  [':userId', 'userId'],
  [':resourceType', 'resourceType'],
]);

const MAX_ID_LENGTH = 1024;

/** What is wrong with the address of the credential service. */
export function baseUrlProblems(url: string | undefined): readonly string[] {
  if (url === undefined || url === '') return ['tenantManagerUrl is missing'];
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined) return ['tenantManagerUrl is not a URL'];
  const problems: string[] = [];
  const isHttps = parsed.protocol === 'https:';
  if (!isHttps && !(parsed.protocol === 'http:' && isLoopback(parsed.hostname))) {
    problems.push('tenantManagerUrl must be https (http only on loopback): it carries credentials');
  }
  if (parsed.username !== '' || parsed.password !== '') {
    problems.push('tenantManagerUrl must hold no user name or password');
  }
  if (parsed.search !== '' || parsed.hash !== '')
    problems.push('tenantManagerUrl must hold no query or fragment');
  return problems;
}

/** What is wrong with a path in which `:userId` and `:resourceType` are whole segments. */
export function pathProblems(path: string): readonly string[] {
  const segments = path.split('/').slice(1);
  const problems: string[] = [];
  const sample = path.replaceAll(/\/:(?:userId|resourceType)(?=\/|$)/g, '/x');
  // Whatever a URL parser reads differently (dot segments, queries, backslashes) shows in the comparison.
  const isPlain =
    path.startsWith('/') && !path.includes('//') && new URL(`http://localhost${sample}`).pathname === sample;
  if (!isPlain) problems.push('endpointPath must begin with a slash and be a plain path');
  if (!segments.includes(':userId')) problems.push('endpointPath must hold :userId as a segment of its own');
  // Two ids in one segment could run together, and one user's path be another's.
  const wrong = segments.find((segment) => segment.includes(':') && !PLACEHOLDERS.has(segment));
  if (wrong !== undefined)
    problems.push('endpointPath: only :userId and :resourceType are known, as whole segments');
  return problems;
}

/** Both arguments must be free of problems. */
export function createCredentialEndpoint(baseUrl: string, path: string): CredentialEndpoint {
  const { origin, pathname } = new URL(baseUrl);
  const base = origin + pathname.replace(/\/+$/, '');
  const segments = path.split('/').map((segment) => ({ text: segment, id: PLACEHOLDERS.get(segment) }));
  return (subject) => {
    const filled = segments.map(({ text, id }) =>
      id === undefined ? text : encodeURIComponent(subject[id]),
    );
    return base + filled.join('/');
  };
}

/**
 * Refuses ids that no path segment can hold. They are never cleaned: the cleaned id could be another
 * user's.
 *
 * @throws TokenResolutionError `TOKEN_RESOLUTION_FAILED`
 */
export function checkSubject({ userId, resourceType }: CredentialSubject): void {
  checkId('user id', userId);
  checkId('resource type', resourceType);
}

function checkId(name: string, id: string): void {
  // RFC 3986 §5.2.4: dot segments are removed from a path, however they were meant.
  const isSegment = id !== '' && id !== '.' && id !== '..';
  if (isSegment && id.length <= MAX_ID_LENGTH && !/[\p{Cc}\p{Cs}]/u.test(id)) return;
  throw new TokenResolutionError(`No credential can be looked up for this ${name}`, {
    detail: `the ${name} is empty, too long, a dot segment or holds control characters`,
  });
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.[0-9]{1,3}){3}$/.test(hostname);
}
