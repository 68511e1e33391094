/** Errors of the language and of loaders; any other name may have been made of a value. */
const NAMES: readonly string[] = [
  'AggregateError',
  'EvalError',
  'ParseError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
];

/**
 * Why running `file` failed, for people: the kind of error, the code of a module that is missing, and the
 * place in `file`. Never its message, which may quote a value (JSON.parse quotes what it was given).
 */
export function describeFailure(error: unknown, file: string): string {
  if (!(error instanceof Error)) return 'unknown error';
  const name = NAMES.includes(error.name) ? error.name : 'Error';
  const code: unknown = Reflect.get(error, 'code');
  const isLoading = code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND';
  return `${name}${isLoading ? ` ${code}` : ''}${placeIn(error, file)}`;
}

function placeIn({ stack, message }: Error, file: string): string {
  const text = `${stack ?? ''}\n${message}`;
  for (let at = text.indexOf(file); at !== -1; at = text.indexOf(file, at + 1)) {
    const rest = text.slice(at + file.length, at + file.length + 9);
    // No column: what was translated before it ran has others.
    const [, line] = /^:(\d{1,7})/.exec(rest) ?? [];
    if (line !== undefined) return ` (line ${line})`;
  }
  return '';
}
