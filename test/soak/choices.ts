import type { Calling, User } from './user.ts';

export const SERVERS = ['fresh', 'pooled', 'bridged', 'lasting', 'command', 'remote'] as const;
export function pick<T>(user: User, list: readonly T[]): T {
  const found = list[user.roll(list.length)];
  if (found === undefined) throw new Error('Nothing to pick from');
  return found;
}

/** A tool that answers soon, with what it takes. */
export function quickCall(user: User): Pick<Calling, 'tool' | 'args'> {
  const calls: readonly Pick<Calling, 'tool' | 'args'>[] = [
    { tool: 'whoami' },
    { tool: 'count', args: { n: 5 } },
    { tool: 'slow', args: { ms: 20 + user.roll(300) } },
    { tool: 'large', args: { bytes: 20_000 } },
  ];
  return pick(user, calls);
}
