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

/** What a result says to the caches: one principal's view is nobody else's. */
export async function toPrivateView(method: string, result: unknown, viewer: Viewer): Promise<unknown> {
  const fields = asRecord(result);
  const rule = Object.hasOwn(LISTS, method) ? LISTS[method] : undefined;
  const filtered = rule === undefined ? fields : await filterItems(fields, rule, viewer);
  return 'cacheScope' in filtered ? { ...filtered, cacheScope: 'private' } : filtered;
}

async function filterItems(
  fields: Readonly<Record<string, unknown>>,
  rule: ListRule,
  viewer: Viewer,
): Promise<Readonly<Record<string, unknown>>> {
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
