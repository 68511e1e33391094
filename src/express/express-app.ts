import type { ExpressApp } from './inner-request.ts';
import type { PathDialect } from './parse-path.ts';
import type { QueryParser } from './query-string.ts';

/** One entry of a router's stack, of whichever version: a route, a mounted router or a plain handler. */
export interface RouterLayer {
  readonly name?: unknown;
  readonly handle?: unknown;
  readonly route?: unknown;
  /** Express 4: what the path has become. */
  readonly regexp?: unknown;
  readonly keys?: unknown;
  /** Express 5.3: the path as it was given. */
  readonly rawPath?: unknown;
  readonly matchers?: unknown;
  /** Express 5: mounted at the root. */
  readonly slash?: unknown;
}

export interface ExpressRoute {
  readonly path: unknown;
  readonly methods: Readonly<Record<string, unknown>>;
}

/** What is known of an app or a router without asking it anything. */
export interface RouterFacts {
  readonly stack: readonly RouterLayer[];
  readonly dialect: PathDialect;
  /** Of an app; a router leaves the query to the app around it. */
  readonly queryParser?: QueryParser;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads an Express app or router of version 4 or 5; undefined for any other function. */
export function findRouter(value: unknown): RouterFacts | undefined {
  const fields = toFields(value);
  if (fields === undefined) return undefined;
  if (Array.isArray(fields['stack'])) {
    const stack = fields['stack'] as readonly RouterLayer[];
    return { stack, dialect: stack.some((layer) => 'matchers' in layer) ? 'express5' : 'express4' };
  }
  const settings = toFields(fields['settings']);
  if (settings === undefined) return undefined;
  const queryParser = toQueryParser(settings['query parser']);
  // Express 4 makes its router with the first route, and throws when asked for `router`.
  if (typeof fields['lazyrouter'] === 'function') {
    return { stack: stackOf(fields['_router']), dialect: 'express4', queryParser };
  }
  const router = toFields(fields['router']);
  return router === undefined ? undefined : { stack: stackOf(router), dialect: 'express5', queryParser };
}

function stackOf(router: unknown): readonly RouterLayer[] {
  const stack = toFields(router)?.['stack'];
  return Array.isArray(stack) ? (stack as readonly RouterLayer[]) : [];
}

function toQueryParser(setting: unknown): QueryParser {
  if (setting === false) return 'none';
  return setting === 'extended' ? 'extended' : 'simple';
}

export function findRoute(layer: RouterLayer): ExpressRoute | undefined {
  const route = toFields(layer.route);
  const methods = toFields(route?.['methods']);
  return route === undefined || methods === undefined ? undefined : { path: route['path'], methods };
}

/** Whether a layer takes a path, or the beginning of it, as the layer itself decides. */
export function takesPath({ regexp, matchers }: RouterLayer, path: string): boolean {
  // An expression with a memory would answer otherwise the second time, and forget what the app is at.
  if (regexp instanceof RegExp)
    return new RegExp(regexp.source, regexp.flags.replaceAll(/[gy]/g, '')).test(path);
  if (!Array.isArray(matchers)) return false;
  return matchers.some(
    (matcher) => typeof matcher === 'function' && Boolean((matcher as (path: string) => unknown)(path)),
  );
}

/** What Express calls the handler that it wraps around an app that is mounted on another. */
const MOUNTED_APP = 'mounted_app';

export function isMountedApp(layer: RouterLayer): boolean {
  return layer.name === MOUNTED_APP && typeof layer.handle === 'function';
}

/**
 * Finds the app behind a mount. Express keeps it in a closure, so its wrapper is called once with a request that never
 * leaves Express's own first step: giving the request its prototype, which names the app. None of the app's handlers
 * runs. Undefined when that step does not come.
 */
export function findMountedApp(layer: RouterLayer): ExpressApp | 'empty' | undefined {
  const probe: Probe = { found: undefined, url: '/' };
  try {
    (layer.handle as (...args: readonly unknown[]) => unknown)(
      createRequest(probe),
      createResponse(),
      () => {},
    );
  } catch {
    // The probe itself ends the call, and what else does has told nothing.
    return probe.found;
  }
  return probe.found;
}

interface Probe {
  found: ExpressApp | 'empty' | undefined;
  url: string | undefined;
}

/** The prototype of the app around, which Express gives back to a request that an app has passed on. */
const OUTER = {};

function createRequest(probe: Probe): object {
  const request = {
    method: 'GET',
    headers: {},
    query: {},
    app: { request: OUTER, response: OUTER },
    // Express goes on to no layer when a request has no URL.
    get url() {
      return probe.url;
    },
  };
  return new Proxy(request, {
    setPrototypeOf: (_target, prototype) => {
      if (probe.url === undefined) return true;
      probe.url = undefined;
      // An Express 4 app without any route passes everything on.
      if (prototype === OUTER) probe.found = 'empty';
      else probe.found = toApp(prototype);
      throw new Error('the probe has ended');
    },
  });
}

function toApp(prototype: object | null): ExpressApp | undefined {
  const app = toFields(prototype)?.['app'];
  return typeof app === 'function' ? (app as ExpressApp) : undefined;
}

function createResponse(): object {
  return { locals: {}, setHeader: () => {}, getHeader: () => undefined, removeHeader: () => {} };
}

function toFields(value: unknown): Fields | undefined {
  const isFields = (typeof value === 'object' || typeof value === 'function') && value !== null;
  return isFields ? (value as Fields) : undefined;
}
