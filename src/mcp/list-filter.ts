import type { Authorizer } from '../authz/authorizer.ts';
import type { Action, Target } from '../core/access.ts';
import { isReachable } from '../core/decision.ts';
import type { Principal } from '../core/principal.ts';
import { asRecord } from './message-facts.ts';

interface ListRule {
  readonly items: string;
  readonly action: Action;
  readonly kind: Target['kind'];
  readonly name: string;
}

const LISTS: Readonly<Record<string, ListRule>> = {
  'tools/list': { items: 'tools', action: 'tools/call', kind: 'tool', name: 'name' },
  'prompts/list': { items: 'prompts', action: 'prompts/get', kind: 'prompt', name: 'name' },
  'resources/list': { items: 'resources', action: 'resources/read', kind: 'resource', name: 'uri' },
  'resources/templates/list': {
    items: 'resourceTemplates',
    action: 'resources/read',
    kind: 'resource',
    name: 'uriTemplate',
  },
};

export interface Viewer {
  readonly principal: Principal;
  readonly server: string;
  readonly authorizer: Authorizer;
}

export function isList(method: string): boolean {
  return Object.hasOwn(LISTS, method);
}

type Result = Readonly<Record<string, unknown>>;

/** What a result says to the caches: one principal's view is nobody else's. */
export function toPrivateView(result: Result): Result {
  return 'cacheScope' in result ? { ...result, cacheScope: 'private' } : result;
}

/** The same of a list, with what of it this principal may use. */
export async function toPrivateList(method: string, result: Result, viewer: Viewer): Promise<Result> {
  const rule = Object.hasOwn(LISTS, method) ? LISTS[method] : undefined;
  return toPrivateView(rule === undefined ? result : await filterItems(result, rule, viewer));
}

async function filterItems(fields: Result, rule: ListRule, viewer: Viewer): Promise<Result> {
  const items = fields[rule.items];
  if (!Array.isArray(items)) return fields;
  const kept: unknown[] = [];
  for (const item of items) {
    const name = asRecord(item)[rule.name];
    if (typeof name === 'string' && (await isListed(name, rule, viewer))) kept.push(item);
  }
  return { ...fields, [rule.items]: kept };
}

/** Whether this principal may hear of changes of a resource, now or after a remedy. */
export async function isVisibleResource(
  uri: string,
  { principal, server, authorizer }: Viewer,
): Promise<boolean> {
  const target: Target = { server, kind: 'resource', name: uri };
  return isReachable(await authorizer.decide({ principal, action: 'resources/subscribe', target }));
}

async function isListed(name: string, rule: ListRule, viewer: Viewer): Promise<boolean> {
  const target: Target = { server: viewer.server, kind: rule.kind, name };
  return isReachable(
    await viewer.authorizer.decide({ principal: viewer.principal, action: rule.action, target }),
  );
}
