import type { GateOptions, McpServerExtras } from '../../src/config/options.ts';

/** What ran, so that tests can tell that nothing did. */
export interface Runs {
  /** Every server that was built. */
  readonly built: { readonly token: string; readonly userId: string; readonly extras: McpServerExtras }[];
  /** Every tool, prompt, resource and completion that ran; `kind:name` except for tools. */
  readonly calls: { readonly tool: string; readonly token: string; readonly userId: string }[];
  /** Everything that the tool `whoami` was given. */
  readonly seen: unknown[];
}

export function createRuns(): Runs {
  return { built: [], calls: [], seen: [] };
}

/** One target of each kind that a scope opens, one that only a role opens, and the rest for everybody. */
export const NOTES_RULES = {
  tools: { 'notes/write': { scopes: ['notes:write'] }, 'notes/purge': { roles: ['admin'] } },
  prompts: { 'notes/draft': { scopes: ['notes:draft'] }, 'notes/confidential': { roles: ['admin'] } },
  resources: {
    'notes/notes://draft/*': { scopes: ['notes:draft'] },
    'notes/notes://secret/*': { roles: ['admin'] },
  },
} as const satisfies GateOptions['authorization'];

/** The generations of the SDK that a server may be written for. */
export const SDKS = ['v2', 'v1'] as const;

export const TOOLS = ['echo', 'grow', 'purge', 'slow', 'touch', 'whoami', 'write'] as const;
export const PROMPTS = ['confidential', 'draft', 'greet'] as const;
export const SHELVES = ['draft', 'public', 'secret'] as const;
