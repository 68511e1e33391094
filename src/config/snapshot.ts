import type { Problem } from './problem.ts';

const MAX_DEPTH = 32;
const MAX_VALUES = 50_000;

/** Methods that make a plain object an instance of one of our contracts rather than options. */
const CONTRACT_METHODS = [
  'authenticate',
  'resolveToken',
  'resolveTenant',
  'decide',
  'write',
  'flush',
] as const;

export interface Snapshot {
  readonly value: unknown;
  readonly problems: readonly Problem[];
}

/**
 * Copies plain objects and lists, reading each property once, so that whatever follows works on data
 * that cannot change, recurse or throw. Instances and functions are passed on as they are.
 */
export function takeSnapshot(input: unknown): Snapshot {
  const problems: Problem[] = [];
  const ancestors = new Set<object>();
  let values = 0;

  const refuse = (path: readonly PropertyKey[], message: string): undefined => {
    problems.push({ path, message });
    return undefined;
  };

  const copy = (value: unknown, path: readonly PropertyKey[]): unknown => {
    values += 1;
    if (values > MAX_VALUES) {
      return values === MAX_VALUES + 1
        ? refuse([], `The configuration has more than ${MAX_VALUES} values`)
        : undefined;
    }
    if (typeof value !== 'object' || value === null || isInstance(value)) return value;
    // What a Map or an instance of some class holds is not among its own keys: it would be read as nothing.
    if (!isPlain(value)) return refuse(path, 'must be a plain object');
    if (ancestors.has(value)) return refuse(path, 'refers to itself');
    if (path.length >= MAX_DEPTH) return refuse(path, `is nested more than ${MAX_DEPTH} levels deep`);
    ancestors.add(value);
    const copied = Array.isArray(value) ? copyList(value, path) : copyObject(value, path);
    ancestors.delete(value);
    return copied;
  };

  const copyList = (list: readonly unknown[], path: readonly PropertyKey[]): unknown[] => {
    const copied: unknown[] = [];
    for (let index = 0; index < list.length && values <= MAX_VALUES; index++) {
      copied.push(copy(list[index], [...path, index]));
    }
    return copied;
  };

  const copyObject = (object: object, path: readonly PropertyKey[]): Record<string, unknown> => {
    const copied: Record<string, unknown> = {};
    for (const key of Object.keys(object)) {
      // Assigned to another object, this key would replace its prototype.
      if (key === '__proto__') refuse(path, '`__proto__` is not allowed as a key');
      else copied[key] = copy(Reflect.get(object, key), [...path, key]);
    }
    return copied;
  };

  try {
    return { value: copy(input, []), problems };
  } catch {
    return {
      value: undefined,
      problems: [...problems, { path: [], message: 'The configuration cannot be read' }],
    };
  }
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isInstance(value: object): boolean {
  return !Array.isArray(value) && CONTRACT_METHODS.some((method) => hasMethod(value, method));
}

/** Whether `value` is an object with this method, own or inherited. Never throws. */
export function hasMethod(value: unknown, name: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return typeof Reflect.get(value, name) === 'function';
  } catch {
    return false;
  }
}
