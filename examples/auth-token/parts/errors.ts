import type { ErrorRequestHandler } from 'express';

/** The last word of an app: what a client did wrong is said, everything else is not. */
export const answerError: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) {
    next(error);
    return;
  }
  const status = statusOf(error);
  if (status === 500) console.error(error);
  response.status(status).json({ error: status === 500 ? 'Internal error' : 'Bad request' });
};

/** Parsers of Express put the status on what they throw. */
function statusOf(error: unknown): number {
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}
