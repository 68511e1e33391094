import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { ExpressHandler } from '../../src/adapters/express.ts';

/** What tests use of Express, which brings no types of its own. */
export interface ExpressApp {
  (request: IncomingMessage, response: ServerResponse): void;
  use(handler: ExpressHandler): void;
  use(handler: ExpressErrorHandler): void;
  use(path: string, handler: ExpressHandler): void;
  all(path: string, handler: ExpressHandler): void;
  set(name: string, value: unknown): void;
}

export type ExpressErrorHandler = (
  error: { readonly status?: number },
  request: IncomingMessage,
  response: ServerResponse,
  next: () => void,
) => void;

export interface Express {
  (): ExpressApp;
  json(options?: object): ExpressHandler;
  text(options?: object): ExpressHandler;
  raw(options?: object): ExpressHandler;
  urlencoded(options?: object): ExpressHandler;
}

const require = createRequire(import.meta.url);

/** The versions of Express that the adapter is for. */
export const EXPRESS = [
  { version: 'Express 4', express: require('express4') as Express },
  { version: 'Express 5', express: require('express') as Express },
] as const;
