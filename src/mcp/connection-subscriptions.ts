import type { Verdict } from './exchange.ts';
import { type InnerSubscriptions, openInnerSubscriptions } from './inner-subscriptions.ts';
import { resourcesIn } from './listen-streams.ts';
import type { JsonRpcId, JsonRpcRequest } from './server-product.ts';

/** The resources that `subscriptions/listen` asks for on one connection, subscribed to at a server behind a bridge. */
export interface ConnectionSubscriptions {
  /** The server of the connection is there; it hears of what was asked for before. */
  attach(front: object): Promise<void>;
  /** The same verdict, whose end is the end of what the request has subscribed to. */
  follow(verdict: Verdict): Verdict;
  /** To be called with what is admitted and narrowed, before it is served. */
  add(request: JsonRpcRequest): Promise<void>;
}

export function createConnectionSubscriptions(onError: (error: unknown) => void): ConnectionSubscriptions {
  const wanted = new Map<JsonRpcId | undefined, readonly string[]>();
  let inner: InnerSubscriptions | undefined;
  return {
    async attach(front) {
      inner = openInnerSubscriptions(front, onError);
      for (const uris of [...wanted.values()]) await inner?.add(uris);
    },
    follow(verdict) {
      if ('refused' in verdict || verdict.facts.method !== 'subscriptions/listen') return verdict;
      const { id } = verdict.facts;
      return {
        ...verdict,
        settle(outcome) {
          inner?.remove(wanted.get(id) ?? []);
          wanted.delete(id);
          return verdict.settle(outcome);
        },
      };
    },
    async add(request) {
      if (request.method !== 'subscriptions/listen') return;
      const uris = resourcesIn(request);
      wanted.set(request.id, uris);
      await inner?.add(uris);
    },
  };
}
