import type { PathTemplate, PathToken } from './route-path.ts';

/** What a tool can be called over MCP by every client. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** `get_user_profile` for GET /user/profile; too long a path makes too long a name, which is for the user to mend. */
export function toToolName(method: string, { tokens }: PathTemplate): string {
  const words = wordsOf(tokens)
    .replaceAll(/[^A-Za-z0-9_-]+/g, '_')
    .replaceAll(/_{2,}/g, '_')
    .replaceAll(/^_+|_+$/g, '');
  return `${method.toLowerCase()}_${words === '' ? 'root' : words}`;
}

function wordsOf(tokens: readonly PathToken[]): string {
  return tokens.map((token) => wordOf(token)).join('_');
}

function wordOf(token: PathToken): string {
  if (token.kind === 'text') return token.text;
  if (token.kind === 'group') return wordsOf(token.tokens);
  // Express 4 numbers what has no name.
  return /^\d+$/.test(token.name) ? 'any' : token.name;
}

/** `GET_/user/profile`: what the endpoints beside MCP call the same tool. */
export function toCompatName(method: string, path: string): string {
  return `${method}_${path}`;
}

export interface NamedRoute {
  readonly name: string;
  readonly method: string;
  readonly path: string;
}

/** What is wrong with the names of tools, each with the routes it concerns and the way out. */
export function findNameProblems(routes: readonly NamedRoute[]): readonly string[] {
  const problems: string[] = [];
  const taken = new Map<string, string>();
  for (const { name, method, path } of routes) {
    const route = `${method} ${path}`;
    const mend = `give it another by routes['${route}'].name`;
    if (!NAME.test(name)) {
      problems.push(
        `${route}: its tool name ${JSON.stringify(name)} has not 1 to 64 characters of A-Z, a-z, 0-9, "_" and "-"; ${mend}`,
      );
    } else if (name in Object.prototype) {
      problems.push(`${route}: the tool name "${name}" cannot be used; ${mend}`);
    }
    const other = taken.get(name);
    if (other !== undefined)
      problems.push(`${route}: its tool name "${name}" is that of ${other} as well; ${mend}`);
    else taken.set(name, route);
  }
  return problems;
}
