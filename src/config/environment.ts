/**
 * A frozen copy of the process environment, taken when called. This is the only place that reads
 * `process.env`; everything else is handed a snapshot. Names are case-sensitive, on Windows too.
 */
export function environment(): Readonly<Record<string, string | undefined>> {
  return Object.freeze({ ...process.env });
}
