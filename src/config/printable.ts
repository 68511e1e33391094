import { ConfigurationError } from '../core/errors.ts';
import type { GateConfig } from './options.ts';
import { formatProblem } from './problem.ts';
import { referencesOf } from './references.ts';
import { publicUrlOf, resolveInstances } from './resolve.ts';
import { fillOptions } from './schema.ts';

const REDACTED = '[redacted]';

/**
 * A configuration as it may be shown: every default filled, every secret replaced by `[redacted]`, and
 * what loadConfig took from a reference by the reference. In the spelling of files.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR)
 */
export function toPrintableConfig(config: GateConfig): Record<string, unknown> {
  const { filled, problems } = fillOptions(config, { allowInstances: false });
  if (filled === undefined) throw new ConfigurationError(problems.map(formatProblem));
  const servers = Object.entries(filled.servers).map(
    ([name, server]) =>
      [
        name,
        { ...server, resourceType: server.resourceType ?? name, instances: resolveInstances(server) },
      ] as const,
  );
  const printable = { ...filled, publicUrl: publicUrlOf(filled), servers: Object.fromEntries(servers) };
  return redact(printable, { path: [], references: referencesOf(config) });
}

/** Keys whose values are secrets, and those whose values hold secrets under names of the user's choice. */
const SECRETS: ReadonlySet<string> = new Set(['secret', 'serviceToken', 'key']);
const HOLDERS: ReadonlySet<string> = new Set(['customHeaders', 'env', 'headers']);

interface Place {
  readonly path: readonly PropertyKey[];
  readonly references: ReadonlyMap<string, string>;
}

function redact(record: object, { path, references }: Place): Record<string, unknown> {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, redactValue(key, value, { path: [...path, key], references })]),
  );
}

function redactValue(key: string, value: unknown, place: Place): unknown {
  if (SECRETS.has(key) && typeof value === 'string') return REDACTED;
  if (HOLDERS.has(key) && typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(Object.keys(value).map((name) => [name, REDACTED]));
  }
  if (key === 'url' && typeof value === 'string') return value.replace(/\?.*$/s, `?${REDACTED}`);
  const { path, references } = place;
  if (Array.isArray(value)) {
    return value.map((entry, index) => redactValue('', entry, { path: [...path, index], references }));
  }
  if (typeof value === 'string') return references.get(JSON.stringify(path)) ?? value;
  return typeof value === 'object' && value !== null ? redact(value, place) : value;
}
