import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asRecord, readFacts } from './message-facts.ts';

function factsOf(method: string, params?: unknown, traceparent?: string) {
  const request = { jsonrpc: '2.0', id: 7, method, params } as Parameters<typeof readFacts>[1];
  return readFacts('notes', request, traceparent);
}

const onServer = { server: 'notes', kind: 'server', name: '' };
const tool = (name: string) => ({ server: 'notes', kind: 'tool', name });
const prompt = (name: string) => ({ server: 'notes', kind: 'prompt', name });
const resource = (name: string) => ({ server: 'notes', kind: 'resource', name });

describe('readFacts', () => {
  it.each<[string, unknown, string, object, string]>([
    ['tools/call', { name: 'echo', arguments: { a: 1 } }, 'tools/call', tool('echo'), 'required'],
    ['tools/list', {}, 'tools/list', onServer, 'optional'],
    ['prompts/get', { name: 'greet' }, 'prompts/get', prompt('greet'), 'required'],
    ['prompts/list', {}, 'prompts/list', onServer, 'optional'],
    ['resources/read', { uri: 'notes://1' }, 'resources/read', resource('notes://1'), 'required'],
    ['resources/subscribe', { uri: 'notes://1' }, 'resources/subscribe', resource('notes://1'), 'required'],
    ['resources/unsubscribe', { uri: 'notes://1' }, 'resources/subscribe', resource('notes://1'), 'required'],
    ['resources/list', {}, 'resources/list', onServer, 'optional'],
    ['resources/templates/list', {}, 'resources/list', onServer, 'optional'],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'greet' } },
      'completion/complete',
      prompt('greet'),
      'required',
    ],
    [
      'completion/complete',
      { ref: { type: 'ref/resource', uri: 'n://{x}' } },
      'completion/complete',
      resource('n://{x}'),
      'required',
    ],
    ['subscriptions/listen', {}, 'subscriptions/listen', onServer, 'optional'],
  ])('%s %j asks for %s', (method, params, action, target, credential) => {
    expect(factsOf(method, params)).toMatchObject({
      id: 7,
      method,
      credential,
      accesses: [{ action, target }],
    });
  });

  it('says which arguments come with a call, none as an empty object', () => {
    expect(factsOf('tools/call', { name: 'echo', arguments: { a: 1 } }).accesses[0]?.arguments).toEqual({
      a: 1,
    });
    // Absent arguments would be a question about some arguments, as lists ask it.
    expect(factsOf('tools/call', { name: 'echo' }).accesses[0]?.arguments).toEqual({});
    expect(factsOf('tools/call', { name: 'echo', arguments: null }).accesses[0]?.arguments).toEqual({});
    expect(factsOf('tools/list').accesses[0]).not.toHaveProperty('arguments');
  });

  it('asks for each resource of a stream by itself, and lets the rest go on without it', () => {
    const { accesses } = factsOf('subscriptions/listen', {
      notifications: { toolsListChanged: true, resourceSubscriptions: ['notes://1', 7, 'notes://2'] },
    });
    expect(accesses.map(({ target, droppable }) => [target.kind, target.name, droppable])).toEqual([
      ['server', '', undefined],
      ['resource', 'notes://1', true],
      ['resource', '', true],
      ['resource', 'notes://2', true],
    ]);
  });

  it.each(['', 'tools', 'TOOLS/CALL', 'tools/call ', 'constructor', '__proto__', 'toString', 'some/method'])(
    'takes the unknown method %j for one on the server itself, with no target of its own',
    (method) => {
      expect(
        factsOf(method, { name: 'purge', uri: 'notes://1' }).accesses.map(({ target }) => target),
      ).toEqual([onServer]);
    },
  );

  it.each([
    undefined,
    null,
    'x',
    7,
    [],
    [{ name: 'purge' }],
    { name: ['purge'] },
    { name: { toString: 'purge' } },
  ])('finds no name where there is none: %j', (params) => {
    expect(factsOf('tools/call', params).accesses).toMatchObject([
      { action: 'tools/call', target: tool('') },
    ]);
  });

  it('takes a progress token and a trace from the message, and the trace of the request otherwise', () => {
    const of = (meta: unknown, traceparent?: string) => {
      const { progressToken, traceparent: trace } = factsOf('ping', { _meta: meta }, traceparent);
      return [progressToken, trace];
    };
    expect(of({ progressToken: 'p', traceparent: 't' }, 'outer')).toEqual(['p', 't']);
    expect(of({ progressToken: 0 }, 'outer')).toEqual([0, 'outer']);
    expect(of({ progressToken: {}, traceparent: 7 })).toEqual([undefined, undefined]);
    expect(of(undefined)).toEqual([undefined, undefined]);
  });

  it('never throws, and asks for something, whatever arrives', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (method, params) => {
        const { accesses } = factsOf(method, params);
        expect(accesses.length).toBeGreaterThan(0);
        for (const { target } of accesses) expect(typeof target.name).toBe('string');
      }),
      { seed: 1 },
    );
  });
});

describe('asRecord', () => {
  it('is the object itself, or nothing', () => {
    const record = { a: 1 };
    expect(asRecord(record)).toBe(record);
    for (const other of [null, undefined, [], 'x', 1, true]) expect(asRecord(other)).toEqual({});
  });
});
