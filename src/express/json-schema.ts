import {
  APPLICATORS,
  addIssue,
  type Check,
  MAX_ISSUES,
  type Place,
  type Run,
} from './json-schema-applicators.ts';
import { ASSERTIONS } from './json-schema-assertions.ts';
import { type Issue, isJsonObject, type JsonObject, messageOf } from './json-value.ts';

/** What is wrong with a value; nothing when it fits. At most ten issues. */
export type JsonCheck = (value: unknown) => readonly Issue[];

const MAX_STEPS = 200_000;
const MAX_DEPTH = 128;
const TOO_LARGE = 'is too large to be checked';

/**
 * Compiles JSON Schema (2020-12, or draft-07 as far as they agree) once, without generating code. Every keyword is
 * enforced or is an annotation; what is neither refuses the schema, so that nothing is taken for checked which is
 * not. `format` and the `content…` keywords are annotations, as 2020-12 has it. References stay within the schema.
 *
 * Checks are bounded in steps and depth: what exceeds the bounds does not fit.
 *
 * @throws Error that names the place and the keyword.
 */
export function compileJsonSchema(schema: unknown): JsonCheck {
  const compiler: Compiler = { root: schema, compiled: new Map(), open: new Set() };
  const check = compile(schema, '#', compiler);
  checkEndless(compiler);
  return (value) => {
    const run: Run = { issues: [], steps: { left: MAX_STEPS } };
    check(value, [], run);
    // What ran out of steps inside a `not` or an `if` has fitted without being checked.
    if (run.steps.left < 0 && run.issues.length === 0) addIssue(run, [], TOO_LARGE);
    return run.issues;
  };
}

/** The schema that a reference within `root` leads to; undefined when it leads nowhere. RFC 6901 */
export function findReferenced(root: unknown, reference: string): unknown {
  if (reference !== '#' && !reference.startsWith('#/')) return undefined;
  let found = root;
  for (const part of reference.split('/').slice(1)) {
    const key = decodePointer(part);
    if (Array.isArray(found))
      found = /^\d+$/.test(key) ? (found as readonly unknown[])[Number(key)] : undefined;
    else if (isJsonObject(found) && Object.hasOwn(found, key)) found = found[key];
    else return undefined;
  }
  return found;
}

function decodePointer(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return part;
  }
}

interface Compiler {
  readonly root: unknown;
  readonly compiled: Map<unknown, Check>;
  /** Schemas being compiled right now: what refers to them waits until they are. */
  readonly open: Set<unknown>;
}

const ANNOTATIONS: ReadonlySet<string> = new Set([
  ...[
    '$schema',
    '$comment',
    '$defs',
    'definitions',
    'title',
    'description',
    'default',
    'examples',
    'deprecated',
  ],
  ...['readOnly', 'writeOnly', 'format', 'contentEncoding', 'contentMediaType', 'contentSchema'],
  // Belong to a keyword beside them, which reads them.
  ...['then', 'else', 'minContains', 'maxContains'],
]);

const DIALECTS = /^https?:\/\/json-schema\.org\/(?:draft\/2020-12|draft\/2019-09|draft-07)\/schema#?$/;

function compile(schema: unknown, where: string, compiler: Compiler): Check {
  if (schema === true) return () => {};
  if (schema === false) return (_value, path, run) => addIssue(run, path, 'must not be there');
  if (!isJsonObject(schema)) throw new Error(`${where}: is not a schema`);
  const known = compiler.compiled.get(schema);
  if (known !== undefined) return known;
  if (compiler.open.has(schema))
    return (value, path, run) => compiler.compiled.get(schema)?.(value, path, run);
  compiler.open.add(schema);
  const check = compileKeywords(schema, where, compiler);
  compiler.compiled.set(schema, check);
  return check;
}

function compileKeywords(schema: JsonObject, where: string, compiler: Compiler): Check {
  const place: Place = {
    schema,
    compile: (inner, step) => compile(inner, `${where}/${step}`, compiler),
  };
  const checks: Check[] = [];
  for (const [name, keyword] of Object.entries(schema)) {
    try {
      const check =
        name === '$ref' ? compileReference(keyword, compiler) : compileKeyword(name, keyword, place);
      if (check !== undefined) checks.push(check);
    } catch (error) {
      const message = messageOf(error);
      throw new Error(message.startsWith('#') ? message : `${where}/${name}: ${message}`, { cause: error });
    }
  }
  return (value, path, run) => {
    if (run.issues.length >= MAX_ISSUES) return;
    run.steps.left = path.length > MAX_DEPTH ? -1 : run.steps.left - 1;
    if (run.steps.left < 0) addIssue(run, path, TOO_LARGE);
    else for (const check of checks) check(value, path, run);
  };
}

function compileKeyword(name: string, keyword: unknown, place: Place): Check | undefined {
  if (name === '$schema' && !(typeof keyword === 'string' && DIALECTS.test(keyword))) {
    throw new Error('is a dialect that is not supported; use 2020-12');
  }
  if (ANNOTATIONS.has(name) || name.startsWith('x-')) return undefined;
  const applicator = Object.hasOwn(APPLICATORS, name) ? APPLICATORS[name] : undefined;
  if (applicator !== undefined) return applicator(keyword, place);
  const assertion = Object.hasOwn(ASSERTIONS, name) ? ASSERTIONS[name]?.(keyword) : undefined;
  if (assertion === undefined) throw new Error('is not supported');
  return (value, path, run) => {
    const message = assertion(value);
    if (message !== undefined) addIssue(run, path, message);
  };
}

function compileReference(keyword: unknown, compiler: Compiler): Check {
  const target = typeof keyword === 'string' ? findReferenced(compiler.root, keyword) : undefined;
  if (target === undefined) throw new Error(`leads nowhere in this schema: ${String(keyword)}`);
  return compile(target, String(keyword), compiler);
}

/** Refuses schemas that come back to themselves without going a step into the value: their check would not end. */
function checkEndless({ root, compiled }: Compiler): void {
  const done = new Set<unknown>();
  const open = new Set<unknown>();
  function visit(schema: unknown): void {
    if (!isJsonObject(schema) || done.has(schema)) return;
    if (open.has(schema)) throw new Error('#: a reference leads back to itself');
    open.add(schema);
    for (const next of besides(schema, root)) visit(next);
    open.delete(schema);
    done.add(schema);
  }
  for (const schema of compiled.keys()) visit(schema);
}

/** The schemas that are put to the same value. */
function besides(schema: JsonObject, root: unknown): readonly unknown[] {
  const { $ref: reference, allOf, anyOf, oneOf, not, if: condition, dependentSchemas } = schema;
  return [
    ...[allOf, anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? (list as readonly unknown[]) : [])),
    ...[not, condition, schema['then'], schema['else']],
    ...(isJsonObject(dependentSchemas) ? Object.values(dependentSchemas) : []),
    ...(typeof reference === 'string' ? [findReferenced(root, reference)] : []),
  ];
}
