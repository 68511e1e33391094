import { describe, expect, test } from 'vitest';
import { ANSWER_CASES } from './answer-cases.ts';
import { BODY_CASES } from './body-cases.ts';
import { type AppFactory, askInProcess, askOverLoopback, type Seen } from './both-ways.ts';
import type { Case } from './case.ts';
import { CONNECTION_CASES } from './connection-cases.ts';
import { MIDDLEWARE_CASES } from './middleware-cases.ts';
import { VERSIONS } from './packages.ts';

const CASES: readonly Case[] = [...BODY_CASES, ...ANSWER_CASES, ...MIDDLEWARE_CASES, ...CONNECTION_CASES];

/** Where two things race, each of them still has its own order. */
function inOrder({ answers, log }: Seen, isRacing: boolean): unknown {
  if (!isRacing) return { answers, log };
  const of = (what: string) => log.filter((line) => line.startsWith(what));
  const notes = log.filter((line) => !/^(?:request|response) /.test(line));
  return { answers, log: { request: of('request '), response: of('response '), notes } };
}

describe.each(VERSIONS)('$version: in process as over a network', ({ express }) => {
  test.each(CASES)('$title', async ({ app, asks, statuses, check, isRacing = false }) => {
    const factory: AppFactory = (note) => app(express, note);
    const inProcess = await askInProcess(factory, asks);
    const overLoopback = await askOverLoopback(factory, asks);
    expect(inProcess.answers.map(({ status }) => status)).toEqual(statuses);
    check?.(inProcess);
    expect(inOrder(inProcess, isRacing)).toEqual(inOrder(overLoopback, isRacing));
  });
});
