export const RESOURCE_UPDATED = 'notifications/resources/updated';

const LIST_CHANGES: ReadonlySet<string> = new Set([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
]);

/** Whether a notification of this method says that a list of the server is another. */
export function isListChange(method: string): boolean {
  return LIST_CHANGES.has(method);
}

/** Whether it concerns all who look at the server, whichever connection it comes on. */
export function isChange(method: string): boolean {
  return isListChange(method) || method === RESOURCE_UPDATED;
}
