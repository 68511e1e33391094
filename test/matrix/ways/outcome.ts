import type { ToolResult } from './way.ts';

/** How long anything may take that is to happen soon. */
export const SOON_MS = 15_000;

/** What came of a call; in bounded time. */
export type Outcome<T> =
  | { readonly value: T }
  | { readonly error: Error & { readonly code?: unknown; readonly data?: unknown } };

/** What a call says went wrong, as an error of the protocol or as a result that the tool failed. */
export function faultOf(outcome: Outcome<ToolResult>): string | undefined {
  if ('error' in outcome) return outcome.error.message;
  return outcome.value.isError === true ? outcome.value.content[0]?.text : undefined;
}

/** What a promise comes to, whatever it is, in bounded time. */
export async function outcomeOf<T>(promise: Promise<T>): Promise<Outcome<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new LateError()), SOON_MS);
  });
  try {
    return { value: await Promise.race([promise, late]) };
  } catch (error) {
    if (error instanceof LateError) throw error;
    return { error: error as Error };
  } finally {
    clearTimeout(timer);
  }
}

class LateError extends Error {
  override readonly message = `Nothing came of it within ${SOON_MS} ms`;
}
