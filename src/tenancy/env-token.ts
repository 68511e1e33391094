import { environment } from '../config/environment.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { ConfigurationError, TokenResolutionError } from '../core/errors.ts';
import type { ResourceTokenResolver } from './token-resolver.ts';

export interface SimpleTokenResolverOptions {
  /** Resource type → variable. A type named here reads no `tokenEnvVar`. */
  readonly resourceTokenEnvVars?: Readonly<Record<string, string>> | undefined;
  /** The variable for every other resource type. */
  readonly tokenEnvVar?: string | undefined;
  /** Milliseconds after which the environment is read again. Default 300 000. */
  readonly cacheTtl?: number | undefined;
  /** A snapshot to read instead of the process's environment; it is never read again. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly now?: Clock | undefined;
}

/**
 * The same token for every user, from the environment: for servers with one user, or one account.
 *
 * The variable is the one that `resourceTokenEnvVars` names for the type, or else `tokenEnvVar`; where
 * that one is unset or empty, `<TYPE>_ACCESS_TOKEN` (upper case, `-` as `_`). A type with a variable of
 * its own never gets the token of `tokenEnvVar`, which may belong to another service.
 *
 * @throws ConfigurationError `CONFIGURATION_ERROR` at creation, with every wrong option
 */
export class SimpleTokenResolver implements ResourceTokenResolver {
  readonly #byType: ReadonlyMap<string, string>;
  readonly #tokenEnvVar: string | undefined;
  readonly #cacheTtlMs: number;
  readonly #now: Clock;
  readonly #isFixed: boolean;
  #env: Readonly<Record<string, string | undefined>>;
  #readAt: number;

  constructor(options: SimpleTokenResolverOptions = {}) {
    checkOptions(options);
    this.#byType = new Map(Object.entries(options.resourceTokenEnvVars ?? {}));
    this.#tokenEnvVar = options.tokenEnvVar;
    this.#cacheTtlMs = options.cacheTtl ?? 300_000;
    this.#now = options.now ?? systemClock;
    this.#isFixed = options.env !== undefined;
    this.#env = options.env ?? environment();
    this.#readAt = this.#now();
  }

  /** @throws TokenResolutionError `TOKEN_RESOLUTION_FAILED` when the resource type is not `[A-Za-z0-9_-]+` */
  async resolveToken(_userId: string, resourceType: string): Promise<string | null> {
    if (!/^[A-Za-z0-9_-]+$/.test(resourceType)) {
      throw new TokenResolutionError('The resource type is not valid');
    }
    this.#refreshEnvironment();
    const named = this.#byType.get(resourceType) ?? this.#tokenEnvVar;
    const conventional = `${resourceType.toUpperCase().replaceAll('-', '_')}_ACCESS_TOKEN`;
    return (named === undefined ? undefined : this.#read(named)) ?? this.#read(conventional) ?? null;
  }

  /** Reads the environment again at the next call. */
  invalidate(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  #refreshEnvironment(): void {
    if (this.#isFixed) return;
    const age = this.#now() - this.#readAt;
    if (age >= 0 && age < this.#cacheTtlMs) return;
    this.#env = environment();
    this.#readAt = this.#now();
  }

  #read(name: string): string | undefined {
    const value = Object.hasOwn(this.#env, name) ? this.#env[name] : undefined;
    return value === '' ? undefined : value;
  }
}

function checkOptions(options: SimpleTokenResolverOptions): void {
  const problems: string[] = [];
  const named = Object.entries(options.resourceTokenEnvVars ?? {}).map(
    ([type, name]): readonly [string, unknown] => [`resourceTokenEnvVars.${type}`, name],
  );
  if (options.tokenEnvVar !== undefined) named.push(['tokenEnvVar', options.tokenEnvVar]);
  for (const [option, name] of named) {
    if (typeof name !== 'string' || name === '') problems.push(`${option} must name an environment variable`);
  }
  const { cacheTtl = 0 } = options;
  if (!Number.isFinite(cacheTtl) || cacheTtl < 0) problems.push('cacheTtl must be milliseconds, from 0');
  if (problems.length > 0) throw new ConfigurationError(problems);
}
