import type { Request } from 'express';

/** One attempt to be let in. It holds no token, no password and no name that was not recognised. */
export interface Attempt {
  readonly action: 'authenticate' | 'login' | 'refresh';
  readonly outcome: 'ok' | 'refused';
  /** Who it turned out to be. */
  readonly user?: string | undefined;
  readonly scheme?: string | undefined;
  readonly reason?: string | undefined;
}

export type Audit = (request: Request, attempt: Attempt) => void;

export interface AuditOptions {
  readonly now: () => number;
  /** Gets one line of JSON for each attempt; by default standard error does. */
  readonly write?: ((line: string) => void) | undefined;
}

export function createAudit({ now, write = (line) => console.error(line) }: AuditOptions): Audit {
  return (request, attempt) => {
    write(
      JSON.stringify({
        time: new Date(now()).toISOString(),
        ...attempt,
        method: request.method,
        // Without the query: that may hold anything.
        path: request.baseUrl + request.path,
        address: request.ip,
      }),
    );
  };
}
