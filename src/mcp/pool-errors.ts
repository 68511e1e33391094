import { ServerPoolError } from '../core/errors.ts';

export function closedError(): ServerPoolError {
  return new ServerPoolError('The server is shutting down', { detail: 'instance pool is closed' });
}

export function busyError(detail: string): ServerPoolError {
  return new ServerPoolError('All server instances are in use; try again later', { detail });
}
