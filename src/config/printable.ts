import { ConfigurationError } from '../core/errors.ts';
import type { GateConfig } from './options.ts';
import { formatProblem } from './problem.ts';
import { publicUrlOf } from './resolve.ts';
import { fillOptions } from './schema.ts';

const REDACTED = '[redacted]';

/**
 * A configuration as it may be shown: every default filled, every secret replaced by `[redacted]`. In the
 * spelling of files, so that it can be one again.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR)
 */
export function toPrintableConfig(config: GateConfig): Record<string, unknown> {
  const { filled, problems } = fillOptions(config, { allowInstances: false });
  if (filled === undefined) throw new ConfigurationError(problems.map(formatProblem));
  const servers = Object.entries(filled.servers).map(
    ([name, server]) => [name, { ...server, resourceType: server.resourceType ?? name }] as const,
  );
  return redact({ ...filled, publicUrl: publicUrlOf(filled), servers: Object.fromEntries(servers) });
}

/** Keys whose values are secrets, and those whose values hold secrets under names of the user's choice. */
const SECRETS: ReadonlySet<string> = new Set(['secret', 'serviceToken']);
const HOLDERS: ReadonlySet<string> = new Set(['customHeaders']);

function redact(record: object): Record<string, unknown> {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([key, value]) => [key, redactValue(key, value)]));
}

function redactValue(key: string, value: unknown): unknown {
  if (SECRETS.has(key) && typeof value === 'string') return REDACTED;
  if (HOLDERS.has(key) && typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.keys(value).map((name) => [name, REDACTED]));
  }
  if (Array.isArray(value)) return value.map((entry) => redactValue('', entry));
  return typeof value === 'object' && value !== null ? redact(value) : value;
}
