import type { Target } from '../core/access.ts';
import type { Caller } from '../core/admission.ts';
import type { Principal } from '../core/principal.ts';
import type { Secret } from '../core/secret.ts';
import type { TargetDirectory } from '../authz/target-directory.ts';
import { type Catalogs, listAllTools } from './catalog.ts';
import type { Instances } from './instances.ts';

export interface DirectoryOptions {
  readonly catalogs: Catalogs;
  readonly instances: () => Instances;
  readonly userIdOf: (principal: Principal) => string;
  /** The caller's upstream token, empty when there is none; factories need it to build the server. */
  readonly upstreamTokenOf: (caller: Caller) => Promise<Secret>;
}

/**
 * Which tools exist, from what the server lists to this very caller: another caller's tools are as
 * unknown as made-up ones. Prompts and resources are the server's to know.
 */
export function createDirectory(options: DirectoryOptions): TargetDirectory {
  return {
    has(caller: Caller, target: Target) {
      if (target.kind !== 'tool') return true;
      const { key } = caller.principal;
      const known = options.catalogs.peek(key);
      if (known !== undefined) return known.has(target.name);
      return options.catalogs.get(key, () => loadTools(options, caller)).then((catalog) => catalog.has(target.name));
    },
  };
}

async function loadTools(options: DirectoryOptions, caller: Caller): ReturnType<typeof listAllTools> {
  const { principal, context } = caller;
  const request = {
    upstreamToken: await options.upstreamTokenOf(caller),
    userId: options.userIdOf(principal),
    extras: { principal, requestId: context.requestId, query: {}, headers: {} },
  };
  return options.instances().withLink(request, listAllTools);
}
