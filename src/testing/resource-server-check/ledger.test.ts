import { describe, expect, it } from 'vitest';
import type { HeaderList, RawResponse } from './exchange.ts';
import { createLedger, toPrintable } from './ledger.ts';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const HEADER = encode({ alg: 'EdDSA', kid: 'one-key-of-the-issuer' });
const TOKEN = `${HEADER}.${encode({ sub: 'alice', iss: 'https://issuer.example' })}.${'s'.repeat(20)}-end-of-it`;

function response(body: string, headers: HeaderList = [], status = 200): RawResponse {
  return { status, headers, body, ending: 'ended', endedAt: 0 };
}

describe('the ledger of a run', () => {
  it('finds a token in bodies and headers, whole or in part', () => {
    const ledger = createLedger();
    ledger.protect(TOKEN);
    ledger.record('one', response(`you sent ${TOKEN}`));
    ledger.record('two', response('', [['Location', `/next?t=${TOKEN.slice(-24)}`]]));
    ledger.record('three', response(TOKEN.slice(-23)));
    expect(ledger.leaks).toEqual([
      { kind: 'token', where: 'the body of one' },
      { kind: 'token', where: 'the Location header of two' },
    ]);
    expect(ledger.count).toBe(3);
  });

  it('does not take another token of the same key for the one that was sent', () => {
    const ledger = createLedger();
    ledger.protect(TOKEN);
    ledger.record('one', response(`${HEADER}.${encode({ aud: 'upstream' })}.other`));
    expect(ledger.leaks).toEqual([]);
  });

  it('looks for a short token as a whole', () => {
    const ledger = createLedger();
    ledger.protect('mcp_12345678');
    ledger.protect('tiny');
    ledger.record('one', response('tiny mcp_1234567'));
    ledger.record('two', response('mcp_12345678'));
    expect(ledger.leaks).toEqual([{ kind: 'token', where: 'the body of two' }]);
  });

  it('finds a stack trace in a refusal, and only there', () => {
    const ledger = createLedger();
    const { stack = '' } = new Error('no');
    ledger.record('result', response(JSON.stringify({ stack })));
    ledger.record('refusal', response(JSON.stringify({ stack }), [], 500));
    ledger.record('python', response('Traceback (most recent call last):', [], 500));
    ledger.record('plain', response('{"message":"look at the manual"}', [], 400));
    expect(ledger.leaks.map(({ where }) => where)).toEqual(['the body of refusal', 'the body of python']);
  });

  it('reads a body of line breaks, blanks and digits in steps that grow with its length', () => {
    const ledger = createLedger();
    for (const piece of ['\n', '\n ', 'at ', '\n at a:1', ':1']) {
      ledger.record(piece, response(piece.repeat(400_000 / piece.length), [], 400));
    }
    ledger.record('digits', response(`\n at ${'a:1'.repeat(90)}${'1'.repeat(400_000)}`, [], 400));
    ledger.record('stack', response(`${'\n'.repeat(200_000)}\t at go (file:10:5)`, [], 400));
    expect(ledger.leaks.map(({ where }) => where)).toEqual(['the body of stack']);
  });

  it('quotes what is short, printable and no token', () => {
    const ledger = createLedger();
    ledger.protect(TOKEN);
    expect(ledger.quote('plain text')).toBe('plain text');
    expect(ledger.quote(`error: ${TOKEN}`)).toBe('[withheld: it holds a token]');
    expect(toPrintable('\x1b[2Jé\u202e\n')).toBe('\\u001b[2J\\u00e9\\u202e\\u000a');
    expect(toPrintable('x'.repeat(500))).toBe(`${'x'.repeat(160)}...`);
  });
});
