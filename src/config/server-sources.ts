import { CREDENTIAL } from '../core/placeholder.ts';
import type { Problem } from './problem.ts';
import { findHeaderValueProblem, findRemoteUrlProblem, isHeaderName, isVariableName } from './values.ts';

/** Where a server can come from, in a file; code knows `factory` too. */
export const SOURCES = ['module', 'command', 'url'] as const;

type Source = (typeof SOURCES)[number] | 'factory';

/** Options that go with one source only. */
const BELONGS: Readonly<Record<string, readonly Source[]>> = {
  env: ['command'],
  cwd: ['command'],
  headers: ['url'],
  dangerouslyAllowHttp: ['url'],
  startTimeoutMs: ['command', 'url'],
};

interface ServerSources {
  readonly module?: string;
  readonly factory?: unknown;
  readonly command?: readonly string[];
  readonly url?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly dangerouslyAllowHttp?: boolean;
  readonly instances?: { readonly max: number; readonly maxPerPrincipal?: number | undefined };
}

/** What is wrong with a server beyond the form of each option. */
export function findServerProblems(server: ServerSources, allowed: readonly Source[]): readonly Problem[] {
  const given = allowed.filter((source) => server[source] !== undefined);
  if (given.length !== 1) {
    const list = allowed.map((source) => `\`${source}\``).join(', ');
    const found = given.length === 0 ? '' : `, not ${given.map((source) => `\`${source}\``).join(' and ')}`;
    return [{ path: [], message: `needs exactly one of ${list}${found}` }];
  }
  return [
    ...findForeignOptions(server, given),
    ...findCommandProblems(server.command ?? []),
    ...findEnvProblems(server.env ?? {}),
    ...findUrlProblems(server),
    ...findHeaderProblems(server.headers ?? {}),
    ...findBoundProblems(server),
  ];
}

function findForeignOptions(server: ServerSources, given: readonly Source[]): Problem[] {
  return Object.entries(BELONGS).flatMap(([option, owners]) => {
    const isGiven = Object.hasOwn(server, option);
    if (!isGiven || owners.some((owner) => given.includes(owner))) return [];
    const list = owners.map((owner) => `\`${owner}\``).join(' or ');
    return [{ path: [option], message: `goes with ${list} only` }];
  });
}

function findCommandProblems(command: readonly string[]): Problem[] {
  return command.flatMap((part, index) => {
    const path = ['command', index];
    if (part.includes('\0')) return [{ path, message: 'must not contain NUL' }];
    if (!part.includes(CREDENTIAL)) return [];
    const message = `holds \`${CREDENTIAL}\`, and whoever is on the machine sees the arguments of a command: put it into \`env\``;
    return [{ path, message }];
  });
}

function findEnvProblems(env: Readonly<Record<string, string>>): Problem[] {
  return Object.entries(env).flatMap(([name, value]) => {
    const path = ['env', name];
    if (!isVariableName(name)) return [{ path, message: 'must be the name of an environment variable' }];
    return value.includes('\0') ? [{ path, message: 'must not contain NUL' }] : [];
  });
}

function findUrlProblems({ url, dangerouslyAllowHttp }: ServerSources): Problem[] {
  if (url === undefined) return [];
  if (url.includes(CREDENTIAL)) {
    const message = `holds \`${CREDENTIAL}\`, and URLs stand in the logs of every host on the way: put it into \`headers\``;
    return [{ path: ['url'], message }];
  }
  const message = findRemoteUrlProblem(url, dangerouslyAllowHttp === true);
  return message === undefined ? [] : [{ path: ['url'], message }];
}

/** Headers that the protocol writes itself (MCP, Streamable HTTP), and those of the connection. */
const RESERVED: ReadonlySet<string> = new Set([
  'accept',
  'connection',
  'content-length',
  'content-type',
  'cookie',
  'host',
  'keep-alive',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function findHeaderProblems(headers: Readonly<Record<string, string>>): Problem[] {
  const seen = new Set<string>();
  return Object.entries(headers).flatMap(([name, value]) => {
    const path = ['headers', name];
    const key = name.toLowerCase();
    if (!isHeaderName(name)) return [{ path, message: 'must be the name of an HTTP header' }];
    if (RESERVED.has(key)) return [{ path, message: 'is a header that the gate writes itself' }];
    if (seen.has(key)) return [{ path, message: 'is there twice' }];
    seen.add(key);
    const message = findHeaderValueProblem(value);
    return message === undefined ? [] : [{ path, message }];
  });
}

function findBoundProblems({ command, url, instances }: ServerSources): Problem[] {
  if (instances?.maxPerPrincipal === undefined) return [];
  const path = ['instances', 'maxPerPrincipal'];
  if (command === undefined && url === undefined)
    return [{ path, message: 'goes with `command` or `url` only' }];
  return instances.maxPerPrincipal > instances.max
    ? [{ path, message: 'must not be more than `instances.max`' }]
    : [];
}
