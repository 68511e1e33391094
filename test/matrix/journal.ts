import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { AuditEvent } from '../../src/audit/audit-sink.ts';

/** Something that happened inside a server, whichever process it runs in. */
export interface Happening {
  readonly event: 'ran' | 'started' | 'aborted' | 'finished';
  readonly tool: string;
  readonly user: string;
}

/**
 * What servers and gates in any process of one directory write down, and what servers remember of their users:
 * kept in files, so that it outlives an instance, as what a real server keeps behind itself.
 */
export interface Journal {
  readonly directory: string;
  happened(happening: Happening): void;
  readonly happenings: readonly Happening[];
  audit(event: AuditEvent): void;
  readonly audited: readonly AuditEvent[];
  /** Tools that a user has beside those that everybody has. */
  grownBy(user: string): readonly string[];
  grow(user: string, tool: string): void;
  /** Lets the call of `slow` end that was given this name. */
  release(call: string): void;
  isReleased(call: string): boolean;
}

export function openJournal(directory: string): Journal {
  const happenings = join(directory, 'happenings.jsonl');
  const audit = join(directory, 'audit.jsonl');
  const readHappenings = createReader(happenings);
  const readAudit = createReader(audit);
  const grown = (user: string) => join(directory, 'grown', user);
  const released = (call: string) => join(directory, 'released', call);
  mkdirSync(join(directory, 'released'), { recursive: true });
  return {
    directory,
    happened: (happening) => append(happenings, happening),
    get happenings() {
      return readHappenings() as readonly Happening[];
    },
    audit: (event) => append(audit, event),
    get audited() {
      return readAudit() as readonly AuditEvent[];
    },
    grownBy: (user) => (existsSync(grown(user)) ? readdirSync(grown(user)) : []),
    grow(user, tool) {
      mkdirSync(grown(user), { recursive: true });
      writeFileSync(join(grown(user), tool), '');
    },
    release: (call) => writeFileSync(released(call), ''),
    isReleased: (call) => existsSync(released(call)),
  };
}

function append(path: string, line: object): void {
  appendFileSync(path, `${JSON.stringify(line)}\n`);
}

/** Reads the lines of a file that grows, each once. */
function createReader(path: string): () => readonly unknown[] {
  const lines: unknown[] = [];
  let taken = 0;
  return () => {
    const size = existsSync(path) ? statSync(path).size : 0;
    if (size <= taken) return lines;
    const file = openSync(path, 'r');
    try {
      const added = Buffer.alloc(size - taken);
      readSync(file, added, 0, added.length, taken);
      // A line that another process is just writing is read next time.
      const whole = added.subarray(0, added.lastIndexOf(0x0a) + 1);
      taken += whole.length;
      for (const line of whole.toString('utf8').split('\n').slice(0, -1))
        lines.push(JSON.parse(line) as unknown);
    } finally {
      closeSync(file);
    }
    return lines;
  };
}
