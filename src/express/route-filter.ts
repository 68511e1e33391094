import { compileGlob } from '../core/glob.ts';
import { isBelow } from './match-path.ts';

/** Which routes become tools. */
export interface RouteFilterOptions {
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly mountPath?: string | undefined;
}

export interface RouteFilter {
  /** Whether a route becomes a tool when nothing but these patterns speaks of it. */
  isIncluded(method: string, path: string): boolean;
  /** Whether it never does, whatever else names it. */
  isExcluded(method: string, path: string): boolean;
  /** Methods that some pattern includes for this path. */
  includedMethods(path: string): readonly string[];
  /** Whether a path of which only the beginning is known could be included. */
  mightInclude(method: string, start: string): boolean;
  /** Patterns of `include` that have matched nothing so far. */
  unused(): readonly string[];
}

interface Pattern {
  readonly text: string;
  readonly method: string | undefined;
  /** What every path it matches begins with. */
  readonly head: string;
  /** Whether it names one path and not many. */
  readonly isExact: boolean;
  matches(path: string): boolean;
}

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD']);
const PATTERN = /^(?:([A-Z][A-Z-]*|\*) +)?([/*].*)$/;

/** @throws Error that names each pattern which is none, one on a line. */
export function createRouteFilter(options: RouteFilterOptions): RouteFilter {
  const { mountPath } = options;
  const problems: string[] = [];
  const included = options.include?.map((text) => parsePattern('include', text, problems));
  const excluded = options.exclude?.map((text) => parsePattern('exclude', text, problems)) ?? [];
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const used = new Set<Pattern>();
  return {
    isIncluded: (method, path) => {
      const hits = (included ?? []).filter((pattern) => includes(pattern, method, path));
      for (const hit of hits) used.add(hit);
      if (isSignIn(path)) return hits.some(({ isExact }) => isExact);
      return included === undefined ? SAFE.has(method) : hits.length > 0;
    },
    isExcluded: (method, path) =>
      (mountPath !== undefined && isBelow(path, mountPath)) ||
      excluded.some((pattern) => isMethod(pattern, method) && pattern.matches(path)),
    includedMethods: (path) =>
      (included ?? []).flatMap(({ method, matches }) =>
        method !== undefined && method !== '*' && matches(path) ? [method] : [],
      ),
    mightInclude: (method, start) =>
      included === undefined
        ? SAFE.has(method)
        : included.some((pattern) => {
            const { head, isExact } = pattern;
            // An exact pattern either names a route that was found or is a problem of its own.
            return (
              !isExact && allowsMethod(pattern, method) && (head.startsWith(start) || start.startsWith(head))
            );
          }),
    unused: () => (included ?? []).filter((pattern) => !used.has(pattern)).map(({ text }) => text),
  };
}

// A pattern that names no method stands for what only reads.
function includes(pattern: Pattern, wanted: string, path: string): boolean {
  return allowsMethod(pattern, wanted) && pattern.matches(path);
}

function allowsMethod(pattern: Pattern, wanted: string): boolean {
  return pattern.method === undefined ? SAFE.has(wanted) : isMethod(pattern, wanted);
}

function isMethod({ method = '*' }: Pattern, wanted: string): boolean {
  return method === '*' || method === wanted;
}

function parsePattern(option: string, text: unknown, problems: string[]): Pattern {
  const [, method, path = ''] = PATTERN.exec(typeof text === 'string' ? text : '') ?? [];
  const isPattern = path !== '';
  if (!isPattern)
    problems.push(`${option}: ${JSON.stringify(text)} is no pattern such as '/api/*' or 'POST /api/*'`);
  const head = path.split('*', 1)[0] ?? '';
  return { text: String(text), method, head, isExact: head === path, matches: compileGlob(path) };
}

const SIGN_IN: ReadonlySet<string> = new Set([
  ...[
    'login',
    'log-in',
    'signin',
    'sign-in',
    'logon',
    'logout',
    'log-out',
    'signout',
    'sign-out',
    'signup',
    'sign-up',
  ],
  ...['oauth', 'oauth2', 'authorize', 'reset-password', 'forgot-password'],
]);
const SIGN_IN_END: ReadonlySet<string> = new Set([
  ...['token', 'refresh', 'refresh-token', 'revoke', 'introspect', 'callback', 'register', 'password'],
]);

/** Whether a path is where people sign in or out, or tokens are handed out: never a tool unless named. */
export function isSignIn(path: string): boolean {
  const segments = path
    .toLowerCase()
    .split('/')
    .filter((segment) => segment !== '');
  return segments.some((segment) => SIGN_IN.has(segment)) || SIGN_IN_END.has(segments.at(-1) ?? '');
}
