import { ConfigurationError, MCPAuthError } from '../core/errors.ts';
import type { RouteInput } from './argument-layout.ts';
import { createLayout } from './create-layout.ts';
import type { ExpressApp } from './inner-request.ts';
import { formatIssue, isJsonObject, type JsonObject, messageOf } from './json-value.ts';
import { captureNames } from './openapi.ts';
import type { BodyKind } from './request-body.ts';
import { prepareInput, prepareOutput, type RouteOptions, type RouteToolsOptions } from './route-options.ts';
import { type PlannedRoute, planRoutes, type RoutePlan } from './route-plan.ts';
import { createRequestBuilder, type RouteRequest } from './tool-arguments.ts';
import { findNameProblems, toCompatName, toToolName } from './tool-names.ts';
import type { PreparedSchema } from './tool-schema.ts';
import { WITHOUT_BODY } from './whole-layout.ts';

export type { RouteOptions, RouteToolsOptions } from './route-options.ts';
export type { RouteRequest } from './tool-arguments.ts';

/** A route of an Express app as a tool. */
export interface RouteTool {
  /** What it is called over MCP: `get_user_profile`. */
  readonly name: string;
  /** What it is called by the endpoints beside MCP: `GET_/user/profile`. */
  readonly compatName: string;
  readonly method: string;
  /** The full path with its parameters, as the app has it. */
  readonly path: string;
  readonly title?: string;
  readonly description: string;
  /** JSON Schema 2020-12 of an object. No header is ever part of it. */
  readonly inputSchema: JsonObject;
  readonly outputSchema?: JsonObject;
  /** As the method promises, unless the route says otherwise. RFC 9110 §9.2 */
  readonly annotations: RouteToolAnnotations;
  /** As they were given. */
  readonly options: RouteOptions;
  /**
   * Turns arguments into a request that only this route can answer. They are sent as given: defaults and conversions
   * of a schema are the app's to make.
   *
   * @throws ValidationError (VALIDATION_ERROR) that names each argument that is unknown, missing, wrong or too large,
   *   and never its value.
   */
  toRequest(args: JsonObject): Promise<RouteRequest>;
  /**
   * Checks a JSON result against the output schema, where there is one, and gives it back as it is.
   *
   * @throws MCPAuthError (INTERNAL_ERROR) when it does not fit; what does not is in `detail`.
   */
  checkOutput?(value: unknown): Promise<unknown>;
}

export interface RouteToolAnnotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/**
 * Makes a tool of every GET and HEAD route of an Express 4 or 5 app, and of what `include` and `routes` name beside.
 * Where people sign in or out is never one unless it is named, nor is anything that `exclude` or `mountPath` covers.
 * Call it after all routes are registered: later ones are not seen. No handler of the app runs.
 *
 * Plain functions answer nothing as far as it can see: what they serve is named in `routes` or described in `openapi`.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) with every route whose path cannot be told for certain, schema that
 *   cannot be used, name that is taken or too long, and option that is wrong; each with the way out.
 */
export function findRouteTools(app: ExpressApp, options: RouteToolsOptions = {}): readonly RouteTool[] {
  const problems: string[] = [];
  const plan = planRoutes(app, options, problems);
  const tools = plan.routes.flatMap((route) => {
    try {
      return [createTool(route, plan, options.mountPath)];
    } catch (error) {
      problems.push(`${route.method} ${route.template.source}: ${messageOf(error)}`);
      return [];
    }
  });
  problems.push(...findNameProblems(tools));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return tools;
}

function createTool(route: PlannedRoute, plan: RoutePlan, mountPath: string | undefined): RouteTool {
  const { method, template, options, operation, queryParser } = route;
  const path = template.source;
  const facts = operation?.describe(captureNames(template));
  const input =
    options.input === undefined && facts !== undefined ? facts.input : prepareInput(options.input);
  checkQuery(input, route);
  const layout = createLayout(input, { method, template });
  const output = prepareOutput(options.output) ?? facts?.output;
  const bodyKind: BodyKind = options.body ?? facts?.bodyKind ?? 'json';
  const others = plan.templatesOf(method);
  const title = options.title ?? operation?.title;
  return {
    name: options.name ?? toToolName(method, template),
    compatName: toCompatName(method, path),
    method,
    path,
    ...(title !== undefined && { title }),
    description: options.description ?? operation?.description ?? `Calls ${method} ${path}`,
    inputSchema: layout.inputSchema,
    annotations: annotate(method, options),
    options,
    toRequest: createRequestBuilder({ method, template, layout, queryParser, bodyKind, others, mountPath }),
    ...(output !== undefined && { outputSchema: output.json, checkOutput: createOutputCheck(output) }),
  };
}

/** A query that the app would not read as it is described is known before the first call. */
function checkQuery(input: RouteInput, { method, template, queryParser }: PlannedRoute): void {
  const whole = input.kind === 'whole' && WITHOUT_BODY.has(method) ? input.schema : undefined;
  const query = input.kind === 'parts' ? input.query : whole;
  if (query === undefined || queryParser === 'extended') return;
  const properties = isJsonObject(query.json['properties']) ? query.json['properties'] : {};
  const inPath = new Set(input.kind === 'whole' ? template.captures.map(({ name }) => name) : []);
  for (const [name, property] of Object.entries(properties)) {
    if (inPath.has(name)) continue;
    if (queryParser === 'none') throw new Error('the app reads no queries: its query parser is off');
    if (isJsonObject(property) && property['type'] === 'object') {
      throw new Error(`the app reads no objects in a query, "${name}"; set its query parser to 'extended'`);
    }
  }
}

// RFC 9110 §9.2.1 and §9.2.2
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const IDEMPOTENT: ReadonlySet<string> = new Set([...SAFE, 'PUT', 'DELETE']);

/** Where a method says nothing, as MCP has it: whatever is not known to be harmless may destroy. */
function annotate(method: string, { annotations = {} }: RouteOptions): RouteToolAnnotations {
  const isSafe = SAFE.has(method);
  return {
    readOnlyHint: annotations.readOnlyHint ?? isSafe,
    destructiveHint: annotations.destructiveHint ?? !isSafe,
    idempotentHint: annotations.idempotentHint ?? IDEMPOTENT.has(method),
    openWorldHint: annotations.openWorldHint ?? true,
  };
}

function createOutputCheck(output: PreparedSchema): (value: unknown) => Promise<unknown> {
  return async (value) => {
    const issues = await output.check(value);
    if (issues.length === 0) return value;
    const detail = issues.slice(0, 10).map(formatIssue).join('; ');
    throw new MCPAuthError('INTERNAL_ERROR', 'The answer of the app does not fit its output schema', {
      detail,
    });
  };
}
