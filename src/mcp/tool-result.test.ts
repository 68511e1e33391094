import { isCallToolResult, isInputRequiredResult } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { MCPAuthError, RateLimitError } from '../core/errors.ts';
import { toErrorResult, toToolResult } from './tool-result.ts';

const rules = { isCallToolResult, isInputRequiredResult, hasOutputSchema: false };
const text = (value: string) => [{ type: 'text', text: value }];

describe('toToolResult', () => {
  it('[mcp-auth/shape.tool-handler] leaves results as they are', () => {
    const result = { content: text('done'), structuredContent: { a: 1 }, isError: true, _meta: { 'x/y': 1 } };
    expect(toToolResult(result, rules)).toBe(result);
    const pending = { resultType: 'input_required', inputRequests: {} };
    expect(toToolResult(pending, rules)).toBe(pending);
  });

  it('[mcp-auth/shape.tool-handler] makes text and structured content of an object', () => {
    expect(toToolResult({ a: 1, b: { c: [2] } }, rules)).toEqual({
      content: text('{"a":1,"b":{"c":[2]}}'),
      structuredContent: { a: 1, b: { c: [2] } },
    });
  });

  it.each([
    ['a string', 'plain text', 'plain text'],
    ['an empty string', '', ''],
    ['a number', 42, '42'],
    ['a boolean', false, 'false'],
    ['null', null, 'null'],
    ['a list', [1, { a: 2 }], '[1,{"a":2}]'],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ])('[mcp-auth/shape.tool-handler] makes text of %s', (_name, value, expected) => {
    expect(toToolResult(value, rules)).toEqual({ content: text(expected) });
  });

  it.each([undefined, () => 1, Symbol('s')])(
    'makes an empty result of what JSON has no word for',
    (value) => {
      expect(toToolResult(value, rules)).toEqual({ content: [] });
    },
  );

  it('says the same in text and structured content, whatever the object does when it is serialised', () => {
    class Money {
      readonly cents = 5;
      toJSON() {
        return { amount: '0.05' };
      }
    }
    const value = { when: new Date(0), gone: undefined, price: new Money() };
    const result = toToolResult(value, rules);
    expect(result).toEqual({
      content: text('{"when":"1970-01-01T00:00:00.000Z","price":{"amount":"0.05"}}'),
      structuredContent: { when: '1970-01-01T00:00:00.000Z', price: { amount: '0.05' } },
    });
  });

  it('takes an object whose content is no content for a value', () => {
    const value = { content: 'chapter one', id: 1 };
    expect(toToolResult(value, rules)).toEqual({
      content: text(JSON.stringify(value)),
      structuredContent: value,
    });
  });

  it('structures every JSON value under an output schema', () => {
    expect(toToolResult([1, 2], { ...rules, hasOutputSchema: true })).toEqual({
      content: text('[1,2]'),
      structuredContent: [1, 2],
    });
  });

  it('throws for what JSON cannot hold', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(() => toToolResult(cycle, rules)).toThrow(TypeError);
    expect(() => toToolResult({ big: 1n }, rules)).toThrow(TypeError);
  });
});

describe('toErrorResult', () => {
  it('tells our errors by message and code', () => {
    const error = new MCPAuthError('ACCESS_DENIED', 'Access denied', { detail: 'inner reason' });
    expect(toErrorResult(error, '')).toEqual({
      content: text('{"error":"Access denied","code":"ACCESS_DENIED"}'),
      isError: true,
      _meta: { 'gatehouse/code': 'ACCESS_DENIED' },
    });
  });

  it('tells how long to wait', () => {
    expect(toErrorResult(new RateLimitError('Too many calls', 12), '')).toMatchObject({
      _meta: { 'gatehouse/code': 'RATE_LIMIT_EXCEEDED', 'gatehouse/retryAfterSeconds': 12 },
    });
  });

  it('tells other errors by message, without stack, cause or token', () => {
    const token = 'upstream-token-0123456789';
    const error = new Error(`upstream said 401 to ${token}`, { cause: new Error('inner cause') });
    const result = toErrorResult(error, token);
    expect(result).toEqual({ content: text('upstream said 401 to [redacted]'), isError: true });
  });

  it('keeps the lines of a message and takes other control characters out', () => {
    const error = new Error('first\n\tsecond \u001b[31mred\u202e');
    expect(toErrorResult(error, '').content).toEqual(text('first\n\tsecond \\u001b[31mred\\u202e'));
  });

  it('takes secrets out of messages', () => {
    const error = new Error(
      'GET https://u:pw@api.example/x?access_token=abc failed: Authorization: Bearer abcdef',
    );
    const [block] = toErrorResult(error, '').content;
    expect(block).toHaveProperty('text', expect.not.stringMatching(/pw@|abc/));
  });

  it('bounds what a tool says', () => {
    const [block] = toErrorResult(new Error('word '.repeat(200_000)), '').content;
    expect(block?.type === 'text' && block.text.length).toBeGreaterThan(1900);
    expect(block?.type === 'text' && block.text.length).toBeLessThanOrEqual(2000);
  });

  it('has something to say for everything that can be thrown', () => {
    for (const thrown of [undefined, null, {}, 5, new Error(' ')]) {
      expect(toErrorResult(thrown, '')).toEqual({ content: text('The tool failed'), isError: true });
    }
    expect(toErrorResult('a thrown string', '').content).toEqual(text('a thrown string'));
  });
});
