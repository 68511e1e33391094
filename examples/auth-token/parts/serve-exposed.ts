import type { Express } from 'express';
import type { ExposedExpress } from 'mcp-gatehouse/express';
import { type ServeOptions, type Serving, serve } from './serve.ts';

/** Serves an app, and its routes as tools beside it; closing ends both. */
export async function serveExposed(
  create: (url: string) => Express,
  expose: (app: Express, url: string) => Promise<ExposedExpress>,
  options: ServeOptions,
): Promise<Serving> {
  let exposed: ExposedExpress | undefined;
  const { close, url } = await serve(async (at) => {
    const app = create(at);
    exposed = await expose(app, at);
    return app;
  }, options);
  const closeBoth = async (): Promise<void> => {
    await exposed?.close();
    await close();
  };
  return { url, close: closeBoth };
}
