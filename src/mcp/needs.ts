import type { JsonRpcRequest } from './server-product.ts';

/** Whether a server has to have what is registered under a name; resources have their URI or template as name. */
export type Needs = (kind: 'tool' | 'prompt' | 'resource', name: string) => boolean;

export const needsAll: Needs = () => true;

const CALLED: Readonly<Record<string, Parameters<Needs>[0]>> = {
  'tools/call': 'tool',
  'prompts/get': 'prompt',
};

/** What a server needs that is built for this one request: of a call, what is called. */
export function needsOf({ method, params }: JsonRpcRequest): Needs {
  if (!Object.hasOwn(CALLED, method)) return needsAll;
  const called = params?.['name'];
  return (kind, name) => kind === CALLED[method] && name === called;
}
