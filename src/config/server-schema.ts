import * as z from 'zod';
import type {
  CommandServerConfig,
  McpServerFactory,
  ModuleServerConfig,
  RemoteServerConfig,
} from './options.ts';
import { findServerProblems, SOURCES } from './server-sources.ts';
import { resourceType } from './tenancy-schema.ts';
import * as values from './values.ts';
import { checkedText, choice, milliseconds, strict, text, texts, whole } from './zod-parts.ts';

const LATER_SERVERS = ['express', 'tools'];

const serverCommon = {
  instances: strict({
    mode: choice(['fresh', 'pooled'])
      .optional()
      .describe(
        'One server per request, or kept for the same user. Default fresh; pooled for a command and a URL.',
      ),
    max: whole(1, 100_000).default(100),
    maxPerPrincipal: whole(1, 100_000)
      .optional()
      .describe('Of a command or a URL: processes or connections of one principal. Default 10.'),
    idleMs: milliseconds().default(300_000),
    lifetimeMs: milliseconds().default(3_600_000),
  })
    .prefault({})
    .describe('How servers are built and kept.'),
  sessions: strict({
    mode: choice(['stateless', 'stateful'])
      .default('stateless')
      .describe('Stateful: sessions of 2025-era clients.'),
    idleMs: milliseconds().default(300_000),
    lifetimeMs: milliseconds().default(3_600_000),
    max: whole(1, 1_000_000).default(1000),
    maxPerPrincipal: whole(1, 1_000_000).default(100),
  })
    .prefault({})
    .describe('Protocol sessions.'),
  timeoutMs: milliseconds().optional().describe('Longest a call may take; default limits.timeoutMs.'),
  resourceType: resourceType.optional().describe('Default: the name of the server.'),
  extras: strict({
    query: texts().default([]),
    headers: texts(checkedText(values.findHeaderNameProblem)).default([]),
  })
    .prefault({})
    .describe('Query parameters and headers the server may see, by name.'),
};

/** What a configuration file may say of where a server comes from: exactly one of the first three. */
const sources = {
  module: text('Path or package that exports createServer.').exactOptional(),
  command: texts()
    .min(1)
    .exactOptional()
    .describe('Program and arguments of a server over stdio, run without a shell, for each user.'),
  url: text('Streamable HTTP endpoint of a server elsewhere.').exactOptional(),
  env: z
    .record(z.string(), z.string())
    .exactOptional()
    .describe('Environment of the command; ${credential} is the upstream token of the user.'),
  cwd: text('Directory the command runs in; default that of the file.').exactOptional(),
  headers: z
    .record(z.string(), z.string())
    .exactOptional()
    .describe('Headers for the URL; ${credential} is the upstream token of the user.'),
  dangerouslyAllowHttp: z
    .boolean()
    .exactOptional()
    .describe('Sends users’ tokens and data over the network unencrypted.'),
  startTimeoutMs: milliseconds()
    .exactOptional()
    .describe('Longest a command or a URL may take to start; default 60000.'),
};

const checkedFileServer = strict(
  { ...sources, ...serverCommon },
  { later: LATER_SERVERS, refused: { factory: 'can be given in code only; a file names a `module`' } },
)
  .check((context) => {
    for (const { path, message } of findServerProblems(context.value, SOURCES)) {
      context.issues.push({ code: 'custom', message, path: [...path], input: undefined });
    }
  })
  .meta({ oneOf: SOURCES.map((source) => ({ required: [source] })) });

/** A server of a configuration file: as an input one of three kinds, each with options of its own. */
export const fileServer = checkedFileServer as unknown as z.ZodType<
  z.output<typeof checkedFileServer>,
  ModuleServerConfig | CommandServerConfig | RemoteServerConfig
>;

/** A server of options in code. */
export const codeServer = strict(
  {
    ...sources,
    factory: z.custom<McpServerFactory>(isFunction, 'must be a function').exactOptional(),
    ...serverCommon,
  },
  { later: LATER_SERVERS },
).check((context) => {
  for (const { path, message } of findServerProblems(context.value, [...SOURCES, 'factory'])) {
    context.issues.push({ code: 'custom', message, path: [...path], input: undefined });
  }
});

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
