import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isDeeperThan, readJsonBody } from './body.ts';
import { SignalPresence } from './client-presence.ts';
import type { InboundRequest } from './inbound-request.ts';

const LIMITS = { maxBytes: 1000, maxDepth: 5, timeoutMs: 100 };

function request(body: AsyncIterable<Uint8Array> | string | null, headers = {}): InboundRequest {
  return {
    method: 'POST',
    path: '/',
    query: '',
    headers,
    info: {},
    presence: new SignalPresence(new AbortController().signal),
    body: () => (typeof body === 'string' ? chunksOf([body]) : body),
  };
}

async function* chunksOf(parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? new TextEncoder().encode(part) : part;
}

describe('readJsonBody', () => {
  it('parses a body that arrives in pieces, even inside a character', async () => {
    const bytes = new TextEncoder().encode('{"text":"é"}');
    expect(await readJsonBody(request(chunksOf([bytes.slice(0, 10), bytes.slice(10)])), LIMITS)).toEqual({
      value: { text: 'é' },
    });
  });

  it('refuses what is declared too large without reading it', async () => {
    const unread = { [Symbol.asyncIterator]: () => expect.fail('the body was read') };
    expect(await readJsonBody(request(unread, { 'content-length': '1001' }), LIMITS)).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
  });

  it.each([['gzip'], ['br, identity'], [''], [['gzip', 'identity']]])(
    'refuses what is encoded without reading it: %j',
    async (encoding) => {
      const unread = { [Symbol.asyncIterator]: () => expect.fail('the body was read') };
      expect(await readJsonBody(request(unread, { 'content-encoding': encoding }), LIMITS)).toMatchObject({
        code: 'UNSUPPORTED_MEDIA_TYPE',
      });
      expect(await readJsonBody(request('1', { 'content-encoding': 'Identity' }), LIMITS)).toEqual({
        value: 1,
      });
    },
  );

  it('stops reading what turns out too large', async () => {
    let produced = 0;
    async function* endless() {
      for (;;) {
        produced += 1;
        yield new Uint8Array(400);
      }
    }
    expect(await readJsonBody(request(endless()), LIMITS)).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(produced).toBe(3);
  });

  it('does not wait for a sender that stalls', async () => {
    async function* stalled() {
      yield new TextEncoder().encode('{');
      await new Promise(() => undefined);
    }
    expect(await readJsonBody(request(stalled()), LIMITS)).toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  it.each([['{'], [''], ['{"a":1}x'], ['\u0000']])('refuses %j, which is no JSON', async (text) => {
    expect(await readJsonBody(request(text), LIMITS)).toMatchObject({
      code: 'VALIDATION_ERROR',
      detail: 'parse',
    });
  });

  it('refuses bytes that are no UTF-8', async () => {
    expect(await readJsonBody(request(chunksOf([new Uint8Array([0x22, 0xff, 0x22])])), LIMITS)).toMatchObject(
      {
        code: 'VALIDATION_ERROR',
      },
    );
  });

  it('refuses what nests too deep before parsing it', async () => {
    expect(await readJsonBody(request('['.repeat(6)), LIMITS)).toMatchObject({
      message: 'The body nests deeper than 5 levels',
    });
  });
});

describe('isDeeperThan', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

  it('agrees with the depth of any JSON value, whatever its strings hold', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8, stringUnit: 'binary' }), fc.nat(8), (value, maxDepth) => {
        expect(isDeeperThan(JSON.stringify(value), maxDepth)).toBe(depthOf(value) > maxDepth);
      }),
    );
  });
});
