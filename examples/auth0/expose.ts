import type { Express } from 'express';
import { type ExposedExpress, exposeExpress } from 'mcp-gatehouse/express';
import { z } from 'zod';

/** The same app with its routes as tools, at `/mcp`: what a token may do there is still for the app to say. */
export async function exposeTools(app: Express, publicUrl: string): Promise<ExposedExpress> {
  const exposed = await exposeExpress(app, {
    publicUrl,
    routes: {
      'PUT /api/profile': {
        description: 'Changes the profile of the caller',
        input: z.object({ name: z.string(), email: z.string() }).partial(),
      },
      'POST /api/users': {
        description: 'Adds a user',
        input: z.object({ name: z.string(), email: z.string() }).partial(),
      },
      'POST /api/admin/permissions': {
        description: 'Says what a user may do',
        input: z.object({ userId: z.string(), permissions: z.array(z.string()) }).partial(),
      },
    },
  });
  app.use(exposed.handler);
  return exposed;
}
