import { TransportError } from '../core/errors.ts';

/**
 * The outcome of `work`, unless it takes longer than `timeoutMs`. The work itself goes on.
 *
 * @throws TransportError (TRANSPORT_ERROR) with `message` when time is up.
 */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new TransportError(message)), timeoutMs).unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
