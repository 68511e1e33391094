import type { ExpressApp } from './inner-request.ts';
import { messageOf } from './json-value.ts';
import { type ApiOperation, readOpenApi, toApiTemplate, toPathShape, toShape } from './openapi.ts';
import { parsePath } from './parse-path.ts';
import type { QueryParser } from './query-string.ts';
import { type Discovery, discoverRoutes, type FoundRoute, type UnclearRoute } from './route-discovery.ts';
import { createRouteFilter, isSignIn, type RouteFilter } from './route-filter.ts';
import { findOptionProblems, type RouteOptions, type RouteToolsOptions } from './route-options.ts';
import { createTemplate, type PathTemplate } from './route-path.ts';

/** A route that becomes a tool, before its schemas are looked at. */
export interface PlannedRoute {
  readonly method: string;
  readonly template: PathTemplate;
  readonly queryParser: QueryParser;
  readonly options: RouteOptions;
  readonly operation: ApiOperation | undefined;
}

export interface RoutePlan {
  readonly routes: readonly PlannedRoute[];
  /** Templates of all known routes that answer a method, tools or not. */
  templatesOf(method: string): readonly PathTemplate[];
}

/** Decides which routes become tools; whatever is wrong or unclear is added to the problems. */
export function planRoutes(app: ExpressApp, options: RouteToolsOptions, problems: string[]): RoutePlan {
  const filter = attempt(() => createRouteFilter(options), '', problems);
  const operations = attempt(
    () => (options.openapi === undefined ? [] : readOpenApi(options.openapi)),
    'openapi: ',
    problems,
  );
  const declared = readDeclared(options, problems);
  const discovery = discoverRoutes(app);
  if (filter === undefined || operations === undefined) return { routes: [], templatesOf: () => [] };
  const draft = new Draft({ discovery, filter, declared, operations }, problems);
  return draft.plan();
}

function attempt<T>(make: () => T, prefix: string, problems: string[]): T | undefined {
  try {
    return make();
  } catch (error) {
    problems.push(
      ...messageOf(error)
        .split('\n')
        .map((line) => `${prefix}${line}`),
    );
    return undefined;
  }
}

interface Declared {
  readonly method: string;
  readonly path: string;
  readonly options: RouteOptions;
}

const ROUTE_KEY = /^([A-Z][A-Z-]*) (\/.*)$/;

function readDeclared({ routes = {} }: RouteToolsOptions, problems: string[]): ReadonlyMap<string, Declared> {
  const declared = new Map<string, Declared>();
  for (const [key, options] of Object.entries(routes)) {
    const [, method, path] = ROUTE_KEY.exec(key) ?? [];
    if (method === undefined || path === undefined) {
      problems.push(`routes: ${JSON.stringify(key)} is not a method and a path such as 'GET /user/profile'`);
      continue;
    }
    const wrong = findOptionProblems(options);
    problems.push(...wrong.map((problem) => `${key}: ${problem}`));
    declared.set(key, { method, path, options: wrong.length === 0 ? options : {} });
  }
  return declared;
}

interface Sources {
  readonly discovery: Discovery;
  readonly filter: RouteFilter;
  readonly declared: ReadonlyMap<string, Declared>;
  readonly operations: readonly ApiOperation[];
}

/** The plan while it is made: routes that were found, then those that are only described, then what is left open. */
class Draft {
  readonly #sources: Sources;
  readonly #problems: string[];
  readonly #planned = new Map<string, PlannedRoute>();
  /** Routes that nobody found but somebody described, by their key. */
  readonly #described = new Map<string, { readonly method: string; readonly template: PathTemplate }>();
  readonly #usedOperations = new Set<ApiOperation>();

  constructor(sources: Sources, problems: string[]) {
    this.#sources = sources;
    this.#problems = problems;
  }

  plan(): RoutePlan {
    const { discovery, filter } = this.#sources;
    for (const route of discovery.routes) this.#addFound(route);
    this.#addOperations();
    this.#addDeclared();
    for (const route of discovery.unclear) this.#checkUnclear(route);
    for (const pattern of filter.unused())
      this.#problems.push(`include: '${pattern}' matches no route of the app`);
    const routes = [...this.#planned.values()];
    if (routes.length === 0 && this.#problems.length === 0) {
      this.#problems.push(
        'no route of the app becomes a tool; look for tools after all routes are registered, name them in routes or include them',
      );
    }
    return { routes, templatesOf: (method) => this.#templatesOf(method) };
  }

  #addFound(route: FoundRoute): void {
    const path = route.template.source;
    for (const method of this.#methodsToAsk(route)) {
      const operation = this.#findOperation(method, route.template);
      // Marked as used whether or not it becomes a tool: it describes this route and no other.
      if (operation !== undefined) this.#usedOperations.add(operation);
      const declared = this.#sources.declared.get(`${method} ${path}`);
      this.#consider(
        { ...route, method, operation, options: declared?.options ?? {} },
        declared !== undefined,
      );
    }
  }

  /** A route for any method is asked for GET, and for whatever is named. */
  #methodsToAsk({ methods, template }: FoundRoute): readonly string[] {
    const { declared, filter } = this.#sources;
    if (!methods.has('*')) {
      return [...methods].filter((method) => method !== 'HEAD' || !this.#answersGet(template.source));
    }
    const named = [...declared.values()]
      .filter(({ path }) => path === template.source)
      .map(({ method }) => method);
    return [...new Set(['GET', ...named, ...filter.includedMethods(template.source)])];
  }

  #answersGet(path: string): boolean {
    const { routes } = this.#sources.discovery;
    return routes.some(
      ({ methods, template }) => template.source === path && (methods.has('GET') || methods.has('*')),
    );
  }

  #consider(route: PlannedRoute, isNamed: boolean): void {
    const { filter } = this.#sources;
    const { method } = route;
    const path = route.template.source;
    const isIncluded = filter.isIncluded(method, path);
    if (filter.isExcluded(method, path) || !(isNamed || isIncluded)) return;
    const key = `${method} ${path}`;
    if (!this.#planned.has(key)) {
      const { template, queryParser, operation, options } = route;
      this.#planned.set(key, { method, template, queryParser, operation, options });
    }
  }

  #findOperation(method: string, template: PathTemplate): ApiOperation | undefined {
    const shape = toShape(template);
    if (shape === undefined) return undefined;
    const wanted = withoutLastSlash(shape);
    return this.#sources.operations.find(
      (operation) =>
        operation.method === method &&
        operation.paths.some((path) => withoutLastSlash(toPathShape(path)) === wanted),
    );
  }

  /** Operations whose routes nobody found, for instance because a plain function answers them. */
  #addOperations(): void {
    const { operations, declared, discovery } = this.#sources;
    for (const operation of operations) {
      const [path = ''] = operation.paths;
      if (this.#usedOperations.has(operation)) continue;
      const template = attempt(
        () => toApiTemplate(path),
        `openapi: ${operation.method} ${path}: `,
        this.#problems,
      );
      if (template === undefined || (operation.method === 'HEAD' && this.#describesGet(path, template)))
        continue;
      const key = `${operation.method} ${template.source}`;
      const named = declared.get(key);
      this.#described.set(key, { method: operation.method, template });
      const { method } = operation;
      const route = {
        method,
        template,
        operation,
        queryParser: discovery.queryParser,
        options: named?.options ?? {},
      };
      this.#consider(route, named !== undefined);
    }
  }

  #describesGet(path: string, template: PathTemplate): boolean {
    const isDescribed = this.#sources.operations.some(
      ({ method, paths }) => method === 'GET' && paths[0] === path,
    );
    return isDescribed || this.#answersGet(template.source);
  }

  /** Routes that are only named. */
  #addDeclared(): void {
    const { declared, discovery } = this.#sources;
    for (const [key, { method, path, options }] of declared) {
      if (this.#planned.has(key)) continue;
      const template = attempt(
        () => createTemplate(path, parsePath(path, discovery.dialect)),
        `${key}: `,
        this.#problems,
      );
      if (template === undefined) continue;
      const near = this.#findSpelling(method, template);
      if (near !== undefined)
        this.#problems.push(`${key}: the app has this route as '${method} ${near}'; name it so`);
      this.#described.set(key, { method, template });
      this.#consider(
        { method, template, options, operation: undefined, queryParser: discovery.queryParser },
        true,
      );
    }
  }

  /** A route that was found and differs only in the names of its parameters, in case or in a last slash. */
  #findSpelling(method: string, template: PathTemplate): string | undefined {
    const plain = (shape: string | undefined) =>
      shape === undefined ? undefined : withoutLastSlash(shape.toLowerCase());
    const wanted = plain(toShape(template));
    if (wanted === undefined) return undefined;
    const found = this.#sources.discovery.routes.find(
      (route) =>
        (route.methods.has(method) || route.methods.has('*')) &&
        route.template.source !== template.source &&
        plain(toShape(route.template)) === wanted,
    );
    return found?.template.source;
  }

  #checkUnclear(route: UnclearRoute): void {
    const { filter } = this.#sources;
    const { shown, before, after, reason, mayBe } = route;
    const methods = route.methods.has('*') ? ['GET'] : [...route.methods];
    const described = [...this.#described.values()];
    for (const method of methods.filter((name) => name !== 'HEAD' || !route.methods.has('GET'))) {
      if (!filter.mightInclude(method, before) || filter.isExcluded(method, shown) || isSignIn(after))
        continue;
      const isDescribed = described.some((one) => one.method === method && mayBe(one.template));
      if (isDescribed) continue;
      this.#problems.push(
        `${method} ${shown}: ${reason}. Name the route with its full path in routes ('${method} /…'), describe it in ` +
          `openapi, or leave it out by exclude: ['${method} ${shown}']`,
      );
    }
  }

  #templatesOf(method: string): readonly PathTemplate[] {
    const answers = (methods: ReadonlySet<string>) =>
      methods.has(method) || methods.has('*') || (method === 'HEAD' && methods.has('GET'));
    const found = this.#sources.discovery.routes.filter(({ methods }) => answers(methods));
    const described = [...this.#described.values()].filter((route) => answers(new Set([route.method])));
    return [...found, ...described].map(({ template }) => template);
  }
}

function withoutLastSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
