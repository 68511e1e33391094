import { createRequire } from 'node:module';
import type { ErrorRequestHandler, Express, RequestHandler, Router } from 'express';

/** What tests use of Express, in either version. */
export interface ExpressPackage {
  (): Express;
  Router(): Router;
  json(options?: object): RequestHandler;
  text(options?: object): RequestHandler;
  raw(options?: object): RequestHandler;
  urlencoded(options?: object): RequestHandler;
  static(root: string, options?: object): RequestHandler;
}

export type { ErrorRequestHandler, Express, RequestHandler };

interface Multer {
  single(field: string): RequestHandler;
  any(): RequestHandler;
}

const require = createRequire(import.meta.url);

export const VERSIONS = [
  { version: 'Express 4', express: require('express4') as ExpressPackage },
  { version: 'Express 5', express: require('express') as ExpressPackage },
] as const;

export const helmet = require('helmet') as (options?: object) => RequestHandler;
export const compression = require('compression') as (options?: object) => RequestHandler;
export const session = require('express-session') as (options: object) => RequestHandler;
export const rateLimit = (require('express-rate-limit') as { rateLimit: (options: object) => RequestHandler })
  .rateLimit;
export const morgan = require('morgan') as (format: string, options: object) => RequestHandler;
export const multer = require('multer') as {
  (options?: object): Multer;
  memoryStorage(): object;
};
export const cookieParser = require('cookie-parser') as (secret?: string) => RequestHandler;
