import { abortReason } from './abort-reason.ts';

/** Those who wait for something, in the order they came. */
export interface LeaseQueue<Demand, Lease> {
  readonly size: number;
  /** Rejects with the signal's reason when that ends first, and with `late` when time is up. */
  wait(demand: Demand, options: WaitOptions): Promise<Lease>;
  /** Asks for each who waits whether there is a lease now. */
  serve(tryLease: (demand: Demand) => Promise<Lease> | undefined): void;
  refuseAll(error: () => Error): void;
}

export interface WaitOptions {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly late: () => Error;
}

interface Waiter<Demand, Lease> {
  readonly demand: Demand;
  admit(lease: Promise<Lease>): void;
  refuse(error: Error): void;
}

export function createLeaseQueue<Demand, Lease>(): LeaseQueue<Demand, Lease> {
  const waiting = new Set<Waiter<Demand, Lease>>();
  return {
    get size() {
      return waiting.size;
    },
    wait: (demand, { signal, timeoutMs, late }) =>
      new Promise((resolve, reject) => {
        const end = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          waiting.delete(waiter);
        };
        const waiter: Waiter<Demand, Lease> = {
          demand,
          admit(lease) {
            end();
            resolve(lease);
          },
          refuse(error) {
            end();
            reject(error);
          },
        };
        const onAbort = (): void => {
          if (signal !== undefined) waiter.refuse(abortReason(signal));
        };
        const timer = setTimeout(() => waiter.refuse(late()), timeoutMs).unref();
        signal?.addEventListener('abort', onAbort, { once: true });
        waiting.add(waiter);
      }),
    serve(tryLease) {
      for (const waiter of [...waiting]) {
        const lease = tryLease(waiter.demand);
        if (lease !== undefined) waiter.admit(lease);
      }
    },
    refuseAll(error) {
      for (const waiter of [...waiting]) waiter.refuse(error());
    },
  };
}
