import type { TargetDirectory } from '../authz/target-directory.ts';
import type { Target } from '../core/access.ts';
import type { Caller } from '../core/admission.ts';
import type { Principal } from '../core/principal.ts';
import type { RequestContext } from '../core/request-context.ts';
import type { Secret } from '../core/secret.ts';
import { fingerprintInputs } from './build-inputs.ts';
import { type Catalog, type Catalogs, listAllTools, type ToolDefinition } from './catalog.ts';
import { findClient } from './client-facts.ts';
import type { InnerLink } from './inner-link.ts';
import type { Instances } from './instances.ts';
import type { RequestExtras } from './request-extras.ts';

export interface DirectoryOptions {
  readonly tools: Catalogs;
  readonly prompts: Catalogs;
  readonly instances: () => Instances;
  readonly userIdOf: (principal: Principal) => string;
  /** What a factory may see of the request; other extras may bring other tools. */
  readonly extrasOf: (context: RequestContext) => RequestExtras;
  /** The caller's upstream token, empty when there is none; factories need it to build the server. */
  readonly upstreamTokenOf: (caller: Caller) => Promise<Secret>;
}

export interface ServerDirectory extends TargetDirectory {
  /** A tool that `has` has found for this very caller, as it was listed then. */
  findTool(caller: Caller, name: string): ToolDefinition | undefined;
}

/**
 * Which tools and prompts exist, from what the server lists to this very caller: another caller's are as
 * unknown as made-up ones. Resources are the server's to know: it may serve some that it does not list.
 */
export function createDirectory(options: DirectoryOptions): ServerDirectory {
  const { tools, prompts } = options;
  const toolsOf = new WeakMap<Caller, Catalog>();
  return {
    has(caller: Caller, target: Target) {
      if (target.kind === 'tool') return has({ catalogs: tools, list: listAllTools }, target.name, caller);
      if (target.kind === 'prompt')
        return has({ catalogs: prompts, list: listAllPrompts }, target.name, caller);
      return true;
    },
    findTool: (caller, name) => toolsOf.get(caller)?.find(name),
  };

  function has({ catalogs, list }: Listing, name: string, caller: Caller): boolean | Promise<boolean> {
    const key = catalogKey(caller.principal, options.extrasOf(caller.context));
    const known = catalogs.peek(key);
    const found = (catalog: Catalog): boolean => {
      if (catalogs === tools) toolsOf.set(caller, catalog);
      return catalog.has(name);
    };
    if (known?.has(name) === true) return found(known);
    // The server may have been extended without a word: what it lists must not be refused as unknown.
    if (known !== undefined) catalogs.invalidate((each) => each === key);
    return catalogs.get(key, () => load(options, caller, list)).then(found);
  }
}

// Whatever a factory is told may decide what it offers: the same user with other scopes may see other names.
function catalogKey(principal: Principal, extras: RequestExtras): string {
  return `${principal.key}\n${fingerprintInputs({ principal, ...extras })}`;
}

/** Whether what is kept under a key belongs to a principal. A principal's key is JSON and holds no line break. */
export function isCatalogOf(principalKey: string, key: string): boolean {
  return key.startsWith(`${principalKey}\n`);
}

type ListAll = typeof listAllTools;

interface Listing {
  readonly catalogs: Catalogs;
  readonly list: ListAll;
}

async function load(options: DirectoryOptions, caller: Caller, list: ListAll): ReturnType<ListAll> {
  const { principal, context } = caller;
  const request = {
    upstreamToken: await options.upstreamTokenOf(caller),
    userId: options.userIdOf(principal),
    client: findClient(caller),
    extras: { principal, requestId: context.requestId, ...options.extrasOf(context) },
  };
  return options.instances().withLink(request, list);
}

/** Prompts have names and come in pages as tools do, so one mechanism lists and keeps both. */
function listAllPrompts(link: Pick<InnerLink, 'capabilities' | 'request'>): ReturnType<ListAll> {
  return listAllTools({
    capabilities: { tools: link.capabilities['prompts'] },
    async request(_method, params, requestOptions) {
      const { prompts, ...rest } = await link.request('prompts/list', params, requestOptions);
      return { ...rest, tools: prompts };
    },
  });
}
