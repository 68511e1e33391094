import type { Wire } from './wire.ts';

/** What an arm says of itself, and must prove before it is measured. */
export type Claim =
  /** Serves whoever asks. */
  | 'none'
  /** 401 without a token and with a bad one; it knows no scopes. */
  | 'authenticated'
  /** 401 without a token, with a bad one, and 403 without the scope. */
  | 'guarded';

export interface Arm {
  readonly name: string;
  /** File under `arms/`. */
  readonly script: string;
  /** What the script is told. */
  readonly mode?: string;
  readonly tools?: number;
  /** `in-process` arms run their calls themselves. */
  readonly wire: Wire | 'in-process';
  /** Sessions opened at the same time, where opening one takes long. Default 8. */
  readonly opensAtOnce?: number;
  readonly claim: Claim;
  /** Whether the arm is told the tokens beforehand. */
  readonly knowsTokens?: boolean;
  /** Measured only when named. */
  readonly extra?: boolean;
  /** What it is compared as. */
  readonly group: 'ours' | 'bare' | 'ideal' | 'stateless-peer' | 'session-peer' | 'guard';
}

const OURS = { script: 'ours.mjs', claim: 'guarded', group: 'ours' } as const;
const STATELESS_PEER = { claim: 'guarded', group: 'stateless-peer' } as const;
const SESSION_PEER = { claim: 'guarded', group: 'session-peer', wire: '2025-session' } as const;
const BARE = { script: 'bare-v2.mjs', claim: 'none', group: 'bare' } as const;

export const ARMS: readonly Arm[] = [
  { name: 'ideal', script: 'ideal.mjs', wire: '2026', claim: 'guarded', group: 'ideal' },
  { ...BARE, name: 'bare-v2', wire: '2026' },
  { ...BARE, name: 'bare-v2-100', wire: '2026', tools: 100 },
  { ...BARE, name: 'bare-v2-2025', wire: '2025', extra: true },
  { ...OURS, name: 'ours-fresh', wire: '2026', mode: 'fresh' },
  { ...OURS, name: 'ours-fresh-100', wire: '2026', mode: 'fresh', tools: 100 },
  { ...OURS, name: 'ours-fresh-2025', wire: '2025', mode: 'fresh', extra: true },
  { ...OURS, name: 'ours-pooled', wire: '2026', mode: 'pooled' },
  { ...OURS, name: 'ours-pooled-100', wire: '2026', mode: 'pooled', tools: 100 },
  { ...OURS, name: 'ours-pooled-2025', wire: '2025', mode: 'pooled', extra: true },
  { ...OURS, name: 'ours-session', wire: '2025-session', mode: 'fresh session' },
  {
    name: 'guard-alone',
    script: 'guard-alone.mjs',
    wire: 'in-process',
    claim: 'guarded',
    knowsTokens: true,
    group: 'guard',
  },
  { ...STATELESS_PEER, name: 'sdk-v2', script: 'v2-bearer.mjs', wire: '2026' },
  {
    ...STATELESS_PEER,
    name: 'sdk-v2-express',
    script: 'v2-bearer.mjs',
    wire: '2026',
    mode: 'express',
    extra: true,
  },
  { ...STATELESS_PEER, name: 'sdk-v1', script: 'express-v1.mjs', wire: '2025' },
  { ...STATELESS_PEER, name: 'mcp-auth', script: 'express-v1.mjs', wire: '2025', mode: 'mcp-auth' },
  { ...STATELESS_PEER, name: 'fastmcp', script: 'fastmcp.mjs', wire: '2025' },
  {
    ...STATELESS_PEER,
    name: 'better-auth',
    script: 'better-auth.mjs',
    wire: '2026',
    claim: 'authenticated',
    knowsTokens: true,
  },
  { ...SESSION_PEER, name: 'sdk-v1-session', script: 'express-v1.mjs', mode: 'session' },
  { ...SESSION_PEER, name: 'mcp-auth-session', script: 'express-v1.mjs', mode: 'mcp-auth session' },
  { ...SESSION_PEER, name: 'fastmcp-session', script: 'fastmcp.mjs', mode: 'session', opensAtOnce: 100 },
];

/** The arms named, in the order of the list; when none is named, all but the extra ones. @throws Error for an unknown name */
export function selectArms(names: readonly string[]): readonly Arm[] {
  const known = ARMS.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`No arm ${unknown.join(', ')}: ${known.join(', ')}`);
  return ARMS.filter(({ extra, name }) => (names.length === 0 ? extra !== true : names.includes(name)));
}
