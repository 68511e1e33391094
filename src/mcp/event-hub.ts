import type { JsonRpcNotification } from './server-product.ts';

/** Where a change happened: seen by one principal, or by everyone of a tenant. */
export type ChangeScope = { readonly principalKey: string } | { readonly tenantId: string | undefined };

export interface Change {
  readonly scope: ChangeScope;
  readonly notification: JsonRpcNotification;
}

export interface Subscriber {
  readonly principalKey: string;
  readonly tenantId: string | undefined;
}

/** Carries change notifications from server instances to subscribers; never across principals or tenants. */
export interface EventHub {
  publish(change: Change): void;
  subscribe(subscriber: Subscriber, listener: (notification: JsonRpcNotification) => void): () => void;
  readonly size: number;
}

export function createEventHub(onError: (error: unknown) => void): EventHub {
  const listeners = new Map<(notification: JsonRpcNotification) => void, Subscriber>();
  return {
    publish({ scope, notification }) {
      for (const [listener, subscriber] of listeners) {
        if (!concerns(scope, subscriber)) continue;
        try {
          listener(notification);
        } catch (error) {
          onError(error);
        }
      }
    },
    subscribe(subscriber, listener) {
      listeners.set(listener, subscriber);
      return () => void listeners.delete(listener);
    },
    get size() {
      return listeners.size;
    },
  };
}

function concerns(scope: ChangeScope, subscriber: Subscriber): boolean {
  return 'principalKey' in scope
    ? scope.principalKey === subscriber.principalKey
    : scope.tenantId === subscriber.tenantId;
}
