const KNOWN = new WeakMap<object, ReadonlyMap<string, string>>();

/** Remembers, as long as `config` lives, the texts that held references, by their paths in JSON. */
export function rememberReferences(config: unknown, references: ReadonlyMap<string, string>): void {
  if (typeof config === 'object' && config !== null) KNOWN.set(config, references);
}

/** What {@link rememberReferences} was told of this very object; empty for any other. */
export function referencesOf(config: object): ReadonlyMap<string, string> {
  return KNOWN.get(config) ?? new Map();
}
