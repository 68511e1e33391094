import { describe, expect, it } from 'vitest';
import { relateQuestion } from './related-question.ts';

const QUESTION = { jsonrpc: '2.0', id: 9, method: 'elicitation/create', params: {} } as const;

describe('a question that does not say which request it is for', () => {
  it('is for the only one that is pending', () => {
    expect(relateQuestion(QUESTION, { timeout: 5 }, ['one'])).toEqual({
      timeout: 5,
      relatedRequestId: 'one',
    });
    expect(relateQuestion(QUESTION, undefined, [0])).toEqual({ relatedRequestId: 0 });
  });

  it('is for nobody where none or several are pending', () => {
    const options = { timeout: 5 };
    expect(relateQuestion(QUESTION, options, [])).toBe(options);
    expect(relateQuestion(QUESTION, options, [1, 2])).toBe(options);
  });

  it('stays what it is where it says so', () => {
    const options = { relatedRequestId: 3 };
    expect(relateQuestion(QUESTION, options, [1])).toBe(options);
  });

  it('is no notification and no answer', () => {
    const notification = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' } as const;
    expect(relateQuestion(notification, undefined, [1])).toBeUndefined();
    expect(relateQuestion({ jsonrpc: '2.0', id: 1, result: {} }, undefined, [1])).toBeUndefined();
  });
});
