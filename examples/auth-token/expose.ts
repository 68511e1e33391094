import type { Express } from 'express';
import { type ExposedExpress, exposeExpress } from 'mcp-gatehouse/express';
import { z } from 'zod';

/**
 * The same app with its routes as tools, at `/mcp`. Whom a route is for stays the app's own business, and so is what
 * is missing in a request: it asks who is asking first.
 */
export async function exposeTools(app: Express, publicUrl: string): Promise<ExposedExpress> {
  const exposed = await exposeExpress(app, {
    publicUrl,
    routes: {
      'PUT /user/settings': {
        description: 'Changes the settings of the caller',
        input: z.object({ theme: z.string(), notifications: z.boolean() }).partial(),
      },
      'POST /admin/grant': {
        description: 'Gives a role to a user',
        input: z.object({ userId: z.number().int(), role: z.string() }).partial(),
      },
      'DELETE /admin/sessions': { description: 'Ends all sessions' },
    },
  });
  app.use(exposed.handler);
  return exposed;
}
