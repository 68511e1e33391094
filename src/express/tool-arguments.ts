import { ValidationError } from '../core/errors.ts';
import { findUnbounded } from './argument-bounds.ts';
import type { ArgumentLayout, PartCheck } from './argument-layout.ts';
import { createPathBuilder } from './build-path.ts';
import { formatIssue, type Issue, isJsonObject, type JsonObject } from './json-value.ts';
import { isBelow, isClaimedBy, type Span } from './match-path.ts';
import { type QueryParser, writeQuery } from './query-string.ts';
import { type BodyKind, encodeBody, isEncodedBody } from './request-body.ts';
import type { PathTemplate } from './route-path.ts';

/** What a tool's arguments become; headers of the caller's are added where it is sent. */
export interface RouteRequest {
  readonly method: string;
  /** Path and query, percent-encoded, as they stand on a request line. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface RequestPlan {
  readonly method: string;
  readonly template: PathTemplate;
  readonly layout: ArgumentLayout;
  readonly queryParser: QueryParser;
  readonly bodyKind: BodyKind;
  /** Other routes of the app for this method, which values of parameters must not lead to. */
  readonly others: readonly PathTemplate[];
  /** Where the tools themselves are served; nothing at or below it is asked for. */
  readonly mountPath?: string | undefined;
}

// RFC 9110 §4.1: what every recipient should support.
const MAX_TARGET_LENGTH = 8000;
const MAX_SHOWN = 10;

/**
 * Turns arguments into a request for one route, and for no other: they are bounded, known and valid, and the path is
 * the route's own.
 *
 * The request carries the arguments as they were given; defaults and conversions of a schema are for the app to make.
 */
export function createRequestBuilder(plan: RequestPlan): (args: JsonObject) => Promise<RouteRequest> {
  const buildPath = createPathBuilder(plan.template);
  const { layout } = plan;
  return async (args) => {
    const unbounded = findUnbounded(args);
    if (unbounded !== undefined) throw invalid([unbounded]);
    const unknown = layout.findUnknown(args);
    const found = await Promise.all(layout.checks.map((check) => runCheck(check, args)));
    const issues = [...unknown, ...found.flat()];
    if (issues.length > 0) throw invalid(issues);
    return build(plan, buildPath, args);
  };
}

async function runCheck(
  { schema, part, isRequired, take }: PartCheck,
  args: JsonObject,
): Promise<readonly Issue[]> {
  const value = take(args);
  if (part === undefined) return schema.check(value);
  if (value === undefined) return isRequired === true ? [{ path: [part], message: 'is missing' }] : [];
  if (part !== 'body' && !isJsonObject(value)) return [{ path: [part], message: 'must be an object' }];
  const issues = await schema.check(value);
  return issues.map(({ path, message }) => ({ path: [part, ...path], message }));
}

type PathBuilder = ReturnType<typeof createPathBuilder>;

function build(plan: RequestPlan, buildPath: PathBuilder, args: JsonObject): RouteRequest {
  const { params, query, body } = plan.layout.sort(args);
  const issues: Issue[] = [];
  const built = buildPath(toPathValues(params, issues));
  if ('issues' in built) throw invalid([...issues, ...built.issues]);
  if (issues.length > 0) throw invalid(issues);
  checkOwnPath(plan, built.path, built.spans);
  const written = writeQuery(query, plan.queryParser);
  if (!('text' in written)) throw invalid(written);
  const target = written.text === '' ? built.path : `${built.path}?${written.text}`;
  if (target.length > MAX_TARGET_LENGTH) {
    throw invalid([{ path: [], message: `path and query must not exceed ${MAX_TARGET_LENGTH} characters` }]);
  }
  if (body === undefined) return { method: plan.method, target, headers: {} };
  const encoded = encodeBody(body, plan.bodyKind);
  if (!isEncodedBody(encoded)) throw invalid(encoded);
  const headers = { 'content-type': encoded.contentType };
  return { method: plan.method, target, headers, body: encoded.bytes };
}

function toPathValues(params: JsonObject, issues: Issue[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(params)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      values.set(name, String(value));
    } else if (value !== null) {
      issues.push({ path: [name], message: 'must be text, a number, true or false: it is part of the path' });
    }
  }
  return values;
}

/** A value must not lead to what is a tool of its own, or no tool at all. */
function checkOwnPath(
  { template, others, mountPath }: RequestPlan,
  path: string,
  spans: readonly Span[],
): void {
  const [span] = spans;
  if (span === undefined) return;
  const claimed = others.find((other) => other !== template && isClaimedBy(other, path, spans));
  const isMount = mountPath !== undefined && isBelow(path, mountPath);
  if (claimed === undefined && !isMount) return;
  const place =
    claimed === undefined ? 'the tools themselves' : `another route of the app, ${claimed.source}`;
  throw invalid([{ path: [span.name], message: `leads to ${place}` }]);
}

function invalid(issues: readonly Issue[]): ValidationError {
  const texts = [...new Set(issues.map(formatIssue))];
  const shown = texts.slice(0, MAX_SHOWN);
  if (texts.length > MAX_SHOWN) shown.push(`and ${texts.length - MAX_SHOWN} more`);
  return new ValidationError(`Invalid arguments: ${shown.join('; ')}`);
}
