import type { NextAsk, Seen } from './both-ways.ts';
import type { Express, ExpressPackage, RequestHandler } from './packages.ts';

export type Note = (line: string) => void;

/** An app and what it is asked, the same in this process and over a network. */
export interface Case {
  readonly title: string;
  readonly app: (express: ExpressPackage, note: Note) => Express;
  readonly asks: readonly NextAsk[];
  /** Of the answers, in order: both ways could also be wrong together. 0: no answer. */
  readonly statuses: readonly number[];
  /** What else shows that it was this case. */
  readonly check?: (seen: Seen) => void;
  /** Where an answer and the end of its request race on a network, their order is not compared. */
  readonly isRacing?: true;
}

/** An app with nothing but what `build` adds, which does not print its errors. */
export function plain(express: ExpressPackage, build: (app: Express) => void): Express {
  const app = express();
  app.set('env', 'test');
  build(app);
  return app;
}

/** A handler whose promise Express 4 looks at, too. */
export function orNext(handler: (...args: Parameters<RequestHandler>) => Promise<unknown>): RequestHandler {
  return async (request, response, next) => {
    try {
      await handler(request, response, next);
    } catch (error) {
      next(error);
    }
  };
}
