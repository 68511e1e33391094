import { vi } from 'vitest';
import type { AuditEvent } from '../../../src/audit/audit-sink.ts';
import type { Happening } from '../journal.ts';
import type { ServerKind } from '../servers/kinds.ts';
import type { Site } from '../site.ts';
import { SOON_MS } from '../ways/outcome.ts';
import type { Company, Way } from '../ways/way.ts';

/** One cell of the matrix: a kind of server, reached in one way, by two users. */
export interface Cell extends Company {
  readonly kind: ServerKind;
  readonly way: Way;
}

/** What has to hold in every cell. */
export interface Behaviour {
  readonly title: string;
  expectHolds(cell: Cell): Promise<void>;
}

/** Resolves with what satisfies the predicate, once it has happened. */
export function happened(site: Site, what: Partial<Happening>, times = 1): Promise<void> {
  return vi.waitFor(
    () => {
      const found = site.journal.happenings.filter((each) => matches(each, what));
      if (found.length < times) throw new Error(`${JSON.stringify(what)} did not happen ${times} times`);
    },
    { timeout: SOON_MS, interval: 20 },
  );
}

/** What has happened so far. */
export function happenings(site: Site, what: Partial<Happening>): readonly Happening[] {
  return site.journal.happenings.filter((each) => matches(each, what));
}

/** The last audit event of its kind, once there is one. */
export function audited(site: Site, what: Partial<AuditEvent>): Promise<AuditEvent> {
  return vi.waitFor(
    () => {
      const found = site.journal.audited.findLast((each) => matches(each, what));
      if (found === undefined) throw new Error(`${JSON.stringify(what)} is not on record`);
      return found;
    },
    { timeout: SOON_MS, interval: 20 },
  );
}

/** Resolves with the value once it satisfies the predicate. */
export function until<T>(read: () => T | Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  return vi.waitFor(
    async () => {
      const value = await read();
      if (!isSo(value)) throw new Error(`still ${JSON.stringify(value)}`);
      return value;
    },
    { timeout: SOON_MS, interval: 20 },
  );
}

function matches(whole: object, part: object): boolean {
  return Object.entries(part).every(([key, value]) => Reflect.get(whole, key) === value);
}
