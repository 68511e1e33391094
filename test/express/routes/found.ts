import { ConfigurationError, ValidationError } from '../../../src/core/errors.ts';
import {
  findRouteTools,
  type RouteRequest,
  type RouteTool,
  type RouteToolsOptions,
} from '../../../src/express/route-tools.ts';
import type { Express } from '../dispatch/packages.ts';

/** `GET /path` of every tool, in order. */
export function routesOf(app: Express, options?: RouteToolsOptions): readonly string[] {
  return findRouteTools(app, options).map(({ method, path }) => `${method} ${path}`);
}

/** What is wrong with an app's routes or with the options. */
export function problemsOf(app: Express, options?: RouteToolsOptions): readonly string[] {
  try {
    findRouteTools(app, options);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

export function toolOf(app: Express, route: string, options?: RouteToolsOptions): RouteTool {
  const tools = findRouteTools(app, options);
  const found = tools.find(({ method, path }) => `${method} ${path}` === route);
  if (found === undefined) throw new Error(`${route} is not among the tools`);
  return found;
}

/** The message of the refusal; the request as JSON when there is none, so that tests show what went through. */
export async function refusalOf(tool: RouteTool, args: Record<string, unknown>): Promise<string> {
  try {
    return `not refused: ${JSON.stringify(await tool.toRequest(args))}`;
  } catch (error) {
    if (error instanceof ValidationError) return error.message;
    throw error;
  }
}

export function bodyText({ body }: RouteRequest): string {
  return new TextDecoder().decode(body);
}
