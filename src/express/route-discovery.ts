import {
  type ExpressRoute,
  findMountedApp,
  findRoute,
  findRouter,
  isMountedApp,
  type RouterFacts,
  type RouterLayer,
  takesPath,
} from './express-app.ts';
import { readExpress4Mount } from './express4-mount.ts';
import type { ExpressApp } from './inner-request.ts';
import { messageOf } from './json-value.ts';
import { type PathDialect, parsePath } from './parse-path.ts';
import type { QueryParser } from './query-string.ts';
import { createTemplate, joinSources, joinTokens, type PathTemplate, type PathToken } from './route-path.ts';

/** A route whose full path is certain. */
export interface FoundRoute {
  /** In upper case; `*` for a route made by `all()` alone, which answers any. */
  readonly methods: ReadonlySet<string>;
  readonly template: PathTemplate;
  readonly queryParser: QueryParser;
}

/** A route of which something cannot be told. */
export interface UnclearRoute {
  readonly methods: ReadonlySet<string>;
  /** The path as far as it is known, with what is not in `<…>`. */
  readonly shown: string;
  /** What is known before and after what is not. */
  readonly before: string;
  readonly after: string;
  readonly reason: string;
  /** Whether a path that was given by hand is one that this route may answer. */
  mayBe(template: PathTemplate): boolean;
}

export interface Discovery {
  readonly routes: readonly FoundRoute[];
  readonly unclear: readonly UnclearRoute[];
  /** The syntax of paths, for those that are given by hand. */
  readonly dialect: PathDialect;
  /** How the app itself reads queries. */
  readonly queryParser: QueryParser;
}

const MAX_MOUNTS = 32;

/**
 * Lists the routes of an Express 4 or 5 app, also those of routers and apps mounted in it to any depth, in the order
 * in which they answer. Nothing of the app runs. What cannot be told for certain is listed as unclear.
 *
 * Handlers that are plain functions are middleware to it, whatever they answer.
 */
export function discoverRoutes(app: ExpressApp): Discovery {
  const root = findRouter(app);
  const routes: FoundRoute[] = [];
  const unclear: UnclearRoute[] = [];
  if (root !== undefined) {
    const mount: Mount = { source: '/', tokens: [], after: '', reason: undefined };
    walk(root, { mount, queryParser: root.queryParser ?? 'simple', depth: 0, routes, unclear });
  }
  return {
    routes,
    unclear,
    dialect: root?.dialect ?? 'express5',
    queryParser: root?.queryParser ?? 'simple',
  };
}

/** Where a router is. With a reason, something within its path cannot be told. */
interface Mount {
  /** All of the path, or what comes before the part that is not known. */
  readonly source: string;
  readonly tokens: readonly PathToken[];
  /** What comes after that part. */
  readonly after: string;
  readonly reason: string | undefined;
  /** The layer whose path is not known. */
  readonly layer?: RouterLayer;
}

interface Walk {
  readonly mount: Mount;
  readonly queryParser: QueryParser;
  readonly depth: number;
  readonly routes: FoundRoute[];
  readonly unclear: UnclearRoute[];
}

function walk(router: RouterFacts, at: Walk): void {
  if (at.depth > MAX_MOUNTS) {
    addUnclear(at, new Set(['GET']), { path: '', reason: 'routers are mounted in each other without end' });
    return;
  }
  for (const layer of router.stack) {
    const route = findRoute(layer);
    if (route !== undefined) addRoute(route, layer, at);
    else enter(layer, at);
  }
}

function layerDialect(layer: RouterLayer): PathDialect {
  return layer.regexp === undefined ? 'express5' : 'express4';
}

function addRoute(route: ExpressRoute, layer: RouterLayer, at: Walk): void {
  const methods = methodsOf(route);
  for (const path of Array.isArray(route.path)
    ? (route.path.flat(Infinity) as readonly unknown[])
    : [route.path]) {
    if (typeof path !== 'string') {
      addUnclear(at, methods, {
        path: `<${showPath(path)}>`,
        reason: 'its path is a regular expression',
        layer,
      });
      continue;
    }
    const { mount } = at;
    if (mount.reason !== undefined) {
      addUnclear(at, methods, { path, reason: mount.reason });
      continue;
    }
    try {
      const tokens = joinTokens(mount.tokens, parsePath(path, layerDialect(layer)));
      const template = createTemplate(joinSources(mount.source, path), tokens);
      at.routes.push({ methods, template, queryParser: at.queryParser });
    } catch (error) {
      addUnclear(at, methods, { path: `<${path}>`, reason: messageOf(error), layer });
    }
  }
}

function methodsOf({ methods }: ExpressRoute): ReadonlySet<string> {
  const names = Object.keys(methods).filter((name) => name !== '_all' && methods[name] === true);
  // `route.all(check).get(answer)`: what is named besides is what answers.
  return new Set(
    names.length === 0 && methods['_all'] === true ? ['*'] : names.map((name) => name.toUpperCase()),
  );
}

/** Goes into a mounted router or app; anything else is middleware. */
function enter(layer: RouterLayer, at: Walk): void {
  const inner = findRouter(layer.handle);
  const mounts = mountsOf(layer, at.mount).map((mount) =>
    mount.reason === undefined || mount.layer !== undefined ? mount : { ...mount, layer },
  );
  if (inner !== undefined) {
    for (const mount of mounts) walk(inner, { ...at, mount, depth: at.depth + 1, ...parserOf(inner, layer) });
    return;
  }
  if (!isMountedApp(layer)) return;
  const app = findMountedApp(layer);
  if (app === 'empty') return;
  const facts = findRouter(app);
  for (const mount of mounts) {
    const inside = { ...at, mount, depth: at.depth + 1 };
    if (facts !== undefined) walk(facts, { ...inside, ...parserOf(facts, layer) });
    else {
      const path = '/<routes of a mounted app>';
      addUnclear(inside, new Set(['GET']), {
        path,
        reason: 'an app is mounted here whose routes cannot be listed',
      });
    }
  }
}

/** Express 5 reads a query as the innermost app says, Express 4 once and for all in the outermost. */
function parserOf({ queryParser }: RouterFacts, layer: RouterLayer): { readonly queryParser?: QueryParser } {
  return queryParser === undefined || layerDialect(layer) === 'express4' ? {} : { queryParser };
}

function mountsOf(layer: RouterLayer, outer: Mount): readonly Mount[] {
  if (layerDialect(layer) === 'express4') {
    const read = readExpress4Mount(layer.regexp, layer.keys);
    const reason =
      'Express 4 keeps no path of this mount, and its regular expression could come from several';
    return [
      read === undefined
        ? blur(outer, `<${showPath(layer.regexp)}>`, reason)
        : deepen(outer, read.source, read.tokens),
    ];
  }
  if (layer.slash === true) return [outer];
  const { rawPath } = layer;
  const paths = Array.isArray(rawPath) ? (rawPath as readonly unknown[]) : [rawPath];
  return paths.map((path) => express5Mount(path, outer));
}

function express5Mount(path: unknown, outer: Mount): Mount {
  if (path === undefined)
    return blur(outer, '<mount>', 'only Express 5.3 and later keep the path of this mount');
  if (typeof path !== 'string')
    return blur(outer, `<${showPath(path)}>`, 'the path of its mount is a regular expression');
  try {
    const tokens = parsePath(path, 'express5');
    if (tokens.every(({ kind }) => kind === 'text' || kind === 'param')) return deepen(outer, path, tokens);
    // How much of a request such a mount takes depends on the request.
    return blur(outer, `<${path}>`, 'the path of its mount has optional or wildcard parts');
  } catch (error) {
    return blur(outer, `<${path}>`, `the path of its mount: ${messageOf(error)}`);
  }
}

function showPath(path: unknown): string {
  return path instanceof RegExp ? String(path) : typeof path;
}

function deepen(outer: Mount, source: string, tokens: readonly PathToken[]): Mount {
  if (outer.reason !== undefined) return { ...outer, after: joinSources(outer.after, source) };
  if (tokens.length === 0) return outer;
  return { ...outer, source: joinSources(outer.source, source), tokens: joinTokens(outer.tokens, tokens) };
}

function blur(outer: Mount, shown: string, reason: string): Mount {
  const after = outer.reason === undefined ? '' : `${outer.after}/${shown}`;
  return {
    ...outer,
    after: outer.reason === undefined ? `/${shown}` : after,
    reason: outer.reason ?? reason,
  };
}

interface Unclear {
  readonly path: string;
  readonly reason: string;
  /** The route's own layer, where that is what cannot be read. */
  readonly layer?: RouterLayer;
}

function addUnclear(at: Walk, methods: ReadonlySet<string>, { path, reason, layer }: Unclear): void {
  const { mount, unclear } = at;
  const before = mount.source === '/' ? '' : mount.source.replace(/\/+$/, '');
  const rest = joinSources(mount.after, path);
  const after = rest.slice(rest.lastIndexOf('>') + 1);
  const unread = mount.layer ?? layer;
  unclear.push({
    methods,
    shown: `${before}${rest.startsWith('/') ? '' : '/'}${rest}`,
    before,
    after,
    reason,
    mayBe: (template) =>
      template.source.startsWith(before) &&
      template.source.endsWith(after) &&
      (unread === undefined || takesSample(unread, { mount: mount.tokens, path: template.tokens })),
  });
}

/** Values that parameters are tried with, since an expression can be asked only for whole paths. */
const SAMPLES = ['x', '1', '2024', 'en'] as const;

interface SampledPath {
  readonly mount: readonly PathToken[];
  readonly path: readonly PathToken[];
}

function takesSample(layer: RouterLayer, { mount, path }: SampledPath): boolean {
  return SAMPLES.some((value) => {
    const start = fillIn(mount, value).replace(/\/+$/, '');
    const whole = fillIn(path, value);
    const rest = whole.slice(start.length);
    return whole.startsWith(start) && takesPath(layer, rest === '' ? '/' : rest);
  });
}

function fillIn(tokens: readonly PathToken[], value: string): string {
  return tokens
    .map((token) => {
      if (token.kind === 'text') return token.text;
      return token.kind === 'group' ? fillIn(token.tokens, value) : value;
    })
    .join('');
}
