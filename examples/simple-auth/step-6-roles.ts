import { McpServer } from '@modelcontextprotocol/server';
import express, { type RequestHandler } from 'express';
import { createGate, type Gate, type Principal } from 'mcp-gatehouse';
import { toExpress } from 'mcp-gatehouse/express';
import { z } from 'zod';
import { answerError } from '../auth-token/parts/errors.ts';
import type { GatedApp } from './step-2-sessions.ts';
import { requireToken, showResource, type Tokens, userOf } from './step-4-jwt.ts';
import { addLogin } from './step-5-refresh.ts';

/** Step 6: what somebody may do, once it is known who they are. Comes after `requireToken`; all must be held. */
export function requirePermissions(...needed: readonly string[]): RequestHandler {
  return (request, response, next) => {
    const { permissions } = userOf(request);
    if (needed.every((permission) => permissions.includes(permission))) next();
    else response.status(403).json({ error: 'Permission denied' });
  };
}

/** The same for tools, by name: at least one of `anyOf`, all of a plain list. Checked before a tool runs. */
export const TOOL_PERMISSIONS = {
  'products/*': { permissions: ['User.Read'] },
  'products/create_product': { permissions: { anyOf: ['User.Write', 'Admin.Write'] } },
  'products/delete_product': { permissions: ['Admin.Write'] },
} as const;

/** What the tools are about. */
export type Products = Map<string, string>;

export interface RolesOptions {
  /** Where it is served, without a slash at its end. */
  readonly url: string;
  /** Of the tokens. */
  readonly secret: string;
  readonly tokens: Tokens;
  readonly products?: Products | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
}

/** All of the lesson in one app: signing in, routes with permissions, and MCP tools with permissions. */
export async function createRolesApp(options: RolesOptions): Promise<GatedApp> {
  const gate = await createProductsGate(options);
  const { tokens } = options;
  const app = express();
  app.disable('x-powered-by');
  app.use(toExpress(gate));
  addLogin(app, options);
  app.get('/resource', requireToken(tokens), showResource);
  app.get('/protected', requireToken(tokens), requirePermissions('User.Read'), (request, response) => {
    response.json({ message: `Welcome ${userOf(request).name}` });
  });
  app.get(
    '/admin',
    requireToken(tokens),
    requirePermissions('User.Read', 'Admin.Access'),
    (request, response) => {
      response.json({ message: `Welcome ${userOf(request).name}, who may do more` });
    },
  );
  app.use(answerError);
  return { app, gate };
}

function createProductsGate({ products = new Map(), secret, url }: RolesOptions): Promise<Gate> {
  return createGate({
    publicUrl: url,
    servers: {
      products: {
        factory: (_accessToken, _userId, { principal }) => createProductsServer(products, principal),
      },
    },
    // The tokens of step 4, verified in the same way.
    auth: [{ type: 'jwt', secret, algorithms: ['HS256'] }],
    authorization: { tools: TOOL_PERMISSIONS },
  });
}

const PRODUCT = z.object({ name: z.string().min(1).max(100) });

/** Made for each caller: `principal` is the user of the token. */
function createProductsServer(products: Products, principal: Principal): McpServer {
  const server = new McpServer({ name: 'products', version: '1.0.0' });
  const name = String(principal.claims['name']);
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

  server.registerTool('list_products', { description: 'Lists products' }, () =>
    text(JSON.stringify([...products].map(([product, owner]) => ({ product, owner })))),
  );
  server.registerTool('create_product', { description: 'Adds a product', inputSchema: PRODUCT }, (args) => {
    products.set(args.name, name);
    return text(`${name} created ${args.name}`);
  });
  server.registerTool('delete_product', { description: 'Deletes a product', inputSchema: PRODUCT }, (args) =>
    text(products.delete(args.name) ? `${name} deleted ${args.name}` : 'no such product'),
  );
  return server;
}
