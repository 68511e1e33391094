import type { Principal } from './principal.ts';
import type { RequestContext } from './request-context.ts';

/** What a message asks for, in the vocabulary of authorization. */
export type Action =
  | 'tools/call'
  | 'tools/list'
  | 'resources/read'
  | 'resources/subscribe'
  | 'resources/list'
  | 'prompts/get'
  | 'prompts/list'
  | 'completion/complete'
  | 'subscriptions/listen'
  | 'protocol'
  /** A method that MCP does not know, or that nothing above stands for. */
  | 'custom';

/** What is acted on: a tool or prompt by name, a resource by its URI, or the server itself. */
export interface Target {
  readonly server: string;
  readonly kind: 'tool' | 'prompt' | 'resource' | 'server';
  /** Name or URI; empty for the server itself. */
  readonly name: string;
}

export interface AccessRequest {
  readonly principal: Principal;
  readonly action: Action;
  readonly target: Target;
  /** Absent while listing: then the question is whether some arguments could be allowed. */
  readonly arguments?: unknown;
  /** The request around it: address, time, the query and headers that factories see. */
  readonly context?: RequestContext;
}
