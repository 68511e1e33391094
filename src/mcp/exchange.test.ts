import { describe, expect, it } from 'vitest';
import { callerOf } from '../../test/support/guard-parts.ts';
import type { Admission, Outcome } from '../core/admission.ts';
import { createPrincipal } from '../core/principal.ts';
import { refuse } from '../core/refusal.ts';
import { Secret } from '../core/secret.ts';
import { SignalPresence } from '../http/client-presence.ts';
import {
  closeExchange,
  type Exchange,
  findExchange,
  openExchange,
  type Verdict,
  verdictOf,
} from './exchange.ts';
import { readFacts } from './message-facts.ts';
import type { JsonRpcRequest } from './server-product.ts';

const PRINCIPAL = createPrincipal({
  issuer: 'https://issuer.example.com',
  subject: 'alice',
  tenantId: 'acme',
  clientId: 'app',
  scopes: ['read'],
  expiresAt: 1234,
});

function requestOf(
  method: string,
  params: Record<string, unknown> = {},
  id: string | number = 1,
): JsonRpcRequest {
  return { jsonrpc: '2.0', id, method, params };
}

function exchangeOf(verdicts: ReadonlyMap<string | number, Verdict>): Exchange {
  const extras = { query: {}, headers: {} };
  return {
    caller: callerOf(PRINCIPAL),
    verdicts,
    extras,
    presence: new SignalPresence(new AbortController().signal),
  };
}

/** An exchange in which one request was admitted, and how that admission ended. */
function admit(request: JsonRpcRequest) {
  const outcomes: Outcome[] = [];
  const admission: Admission = {
    facts: readFacts('notes', request),
    caller: callerOf(PRINCIPAL),
    upstreamToken: new Secret('upstream'),
    settle: (outcome) => void outcomes.push(outcome),
  };
  return { admission, outcomes, exchange: exchangeOf(new Map([[request.id, admission]])) };
}

const DIFFERS = { code: 'INTERNAL_ERROR', detail: 'message differs from its admission' };

describe('openExchange', () => {
  it('ties an exchange to what travels with the message, and only to that very object', () => {
    const { exchange } = admit(requestOf('ping'));
    const authInfo = openExchange(exchange, 'alice');
    expect(findExchange(authInfo)).toBe(exchange);
    for (const other of [{ ...authInfo }, structuredClone(authInfo), undefined, null, 'x', {}]) {
      expect(findExchange(other)).toBeUndefined();
    }
  });

  it('is out of reach for whoever holds what travels with the message', () => {
    const authInfo = openExchange(exchangeOf(new Map()), 'alice');
    const reachable: unknown[] = [];
    for (let object: object | null = authInfo; object !== null && object !== Object.prototype; ) {
      for (const key of Reflect.ownKeys(object)) reachable.push(key, Reflect.get(object, key));
      object = Object.getPrototypeOf(object) as object | null;
    }
    expect(reachable.filter((value) => typeof value === 'function')).toEqual([]);
    expect(JSON.stringify(reachable)).not.toContain('verdicts');
  });

  it('ends when the exchange is closed', () => {
    const authInfo = openExchange(exchangeOf(new Map()), 'alice');
    closeExchange(authInfo);
    expect(findExchange(authInfo)).toBeUndefined();
    expect(authInfo.extra['userId']).toBe('alice');
  });

  it('tells tools who asks, and nothing that would let them act as the client', () => {
    const { exchange } = admit(requestOf('ping'));
    const authInfo = openExchange(exchange, 'user-7', 'https://mcp.example.com/.well-known/x');
    expect(authInfo).toEqual({
      token: '',
      clientId: 'app',
      scopes: ['read'],
      expiresAt: 1234,
      resourceMetadataUrl: 'https://mcp.example.com/.well-known/x',
      extra: { principal: PRINCIPAL, userId: 'user-7', tenantId: 'acme' },
    });
    // What a tool writes there stays there.
    authInfo.scopes.push('admin');
    expect(PRINCIPAL.scopes).toEqual(['read']);
  });
});

describe('verdictOf', () => {
  const targets: readonly (readonly [string, Record<string, unknown>])[] = [
    ['tools/call', { name: 'echo', arguments: { text: 'x' } }],
    ['tools/call', {}],
    ['tools/call', { name: 7 }],
    ['tools/list', { cursor: 'c' }],
    ['prompts/get', { name: 'greet' }],
    ['resources/read', { uri: 'notes://1' }],
    ['resources/subscribe', {}],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: 'A' } },
    ],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'notes://{id}' } }],
    ['subscriptions/listen', { notifications: { resourceSubscriptions: ['notes://1', 'notes://2'] } }],
    ['initialize', {}],
    ['some/method', { name: 'x' }],
  ];

  it.each(targets)('is the admission of the same message: %s %j', (method, params) => {
    const { exchange, admission, outcomes } = admit(requestOf(method, params));
    expect(verdictOf(exchange, requestOf(method, structuredClone(params)))).toBe(admission);
    expect(outcomes).toEqual([]);
  });

  it('is the refusal where the message was refused', () => {
    const refusal = refuse('ACCESS_DENIED', 'no');
    expect(verdictOf(exchangeOf(new Map([[1, refusal]])), requestOf('tools/call', { name: 'echo' }))).toBe(
      refusal,
    );
  });

  it.each<[string, JsonRpcRequest, JsonRpcRequest]>([
    ['another tool', requestOf('tools/call', { name: 'echo' }), requestOf('tools/call', { name: 'purge' })],
    ['no tool', requestOf('tools/call', { name: 'echo' }), requestOf('tools/call', {})],
    ['a tool after none', requestOf('tools/call', {}), requestOf('tools/call', { name: 'purge' })],
    ['another method', requestOf('tools/list'), requestOf('tools/call', { name: 'purge' })],
    [
      'a prompt of the same name',
      requestOf('tools/call', { name: 'x' }),
      requestOf('prompts/get', { name: 'x' }),
    ],
    [
      'another resource',
      requestOf('resources/read', { uri: 'notes://1' }),
      requestOf('resources/read', { uri: 'notes://2' }),
    ],
    [
      'another completion',
      requestOf('completion/complete', { ref: { type: 'ref/prompt', name: 'a' } }),
      requestOf('completion/complete', { ref: { type: 'ref/prompt', name: 'b' } }),
    ],
    [
      'a completion of another kind',
      requestOf('completion/complete', { ref: { type: 'ref/prompt', name: 'a' } }),
      requestOf('completion/complete', { ref: { type: 'ref/resource', uri: 'a' } }),
    ],
    [
      'one more subscription',
      requestOf('subscriptions/listen', { notifications: { resourceSubscriptions: ['notes://1'] } }),
      requestOf('subscriptions/listen', {
        notifications: { resourceSubscriptions: ['notes://1', 'notes://2'] },
      }),
    ],
  ])('does not let pass what was not admitted: %s', (_name, admitted, arrived) => {
    const { exchange, outcomes } = admit(admitted);
    expect(verdictOf(exchange, arrived)).toMatchObject(DIFFERS);
    // Or else whoever waits for the end of it would wait for ever.
    expect(outcomes).toEqual([{ ok: false, error: 'not_run' }]);
  });

  it('lets a message pass that was narrowed since', () => {
    const subscribe = (...uris: readonly string[]) =>
      requestOf('subscriptions/listen', { notifications: { resourceSubscriptions: uris } });
    const { exchange, admission } = admit(subscribe('notes://1', 'notes://2'));
    expect(verdictOf(exchange, subscribe('notes://2'))).toBe(admission);
    expect(verdictOf(exchange, subscribe())).toBe(admission);
  });

  it.each<[string, JsonRpcRequest]>([
    ['another id', requestOf('ping', {}, 2)],
    ['the same digits as text', requestOf('ping', {}, '1')],
    ['a name of every object', requestOf('ping', {}, '__proto__')],
  ])('does not let pass what the guard has not seen: %s', (_name, arrived) => {
    const { exchange, outcomes } = admit(requestOf('ping'));
    const unseen = { code: 'INTERNAL_ERROR', detail: 'message without admission' };
    expect(verdictOf(exchange, arrived)).toMatchObject(unseen);
    expect(verdictOf(undefined, arrived)).toMatchObject(unseen);
    expect(outcomes).toEqual([]);
  });
});
