export type JsonObject = Readonly<Record<string, unknown>>;

/** An object that is no array; functions are none either. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object's own property: names come from users, and every object inherits `constructor`. */
export function ownValue(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Sets a property of whatever name, `__proto__` as well. */
export function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Part of an argument that is wrong: where, and what it should be. Never a value. */
export interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** `"limit" must be a number`; nested places as they would be written in code. */
export function formatIssue({ path, message }: Issue): string {
  if (path.length === 0) return message;
  const [first, ...rest] = path;
  const place = rest.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return `${quote(`${String(first)}${place}`)}: ${message}`;
}

/** A name that came from outside, on one line and of bounded length. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'is not usable';
}
