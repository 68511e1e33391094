import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Caller, type CallerAnswer, createCaller } from '../support/callers.ts';
import type { Harness } from '../support/gate-harness.ts';
import { startNotes } from '../support/notes-gate.ts';

const MAX = 20;
// Long enough that no failure is forgiven while a test runs.
const LIMITS = { failures: { max: MAX, windowSeconds: 3600 } };

/** Tokens that fail at different checks: some cost a look at the issuer's keys, some a signature. */
async function createBadTokens({ issuer, resource }: Harness): Promise<() => string> {
  const signed = [
    await issuer.token({ subject: 'mallory', audience: resource, expiresInSeconds: -60 }),
    await issuer.token({ subject: 'mallory', audience: 'https://elsewhere.example/mcp' }),
  ];
  const [, payload = '', signature = ''] = (
    await issuer.token({ subject: 'alice', audience: resource })
  ).split('.');
  const header = (fields: object) => Buffer.from(JSON.stringify(fields)).toString('base64url');
  let count = 0;
  return () => {
    count += 1;
    const unknownKey = header({ alg: 'ES256', typ: 'at+jwt', kid: randomBytes(8).toString('hex') });
    const none = header({ alg: 'none' });
    const kinds = [
      randomBytes(24).toString('base64url'),
      `${unknownKey}.${payload}.${signature}`,
      `${none}.${payload}.`,
      `${header({ alg: 'ES256', typ: 'at+jwt', n: count })}.${payload}.${signature}`,
      ...signed,
    ];
    return kinds[count % kinds.length] ?? '';
  };
}

/** Sends bad tokens, several at once, and returns every answer. */
async function flood(
  caller: Caller,
  requests: number,
  nextToken: () => string,
): Promise<readonly CallerAnswer[]> {
  const answers: CallerAnswer[] = [];
  let left = requests;
  const send = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      answers.push(await caller.call(nextToken()));
    }
  };
  await Promise.all([send(), send(), send()]);
  return answers;
}

const count = (answers: readonly CallerAnswer[], status: number) =>
  answers.filter((answer) => answer.status === status).length;

describe('a flood of bad tokens', { timeout: 60_000 }, () => {
  test('from other addresses leaves a good caller served, and blocks each of them', async () => {
    const harness = await startNotes({ limits: LIMITS });
    const good = createCaller(harness.url, '127.0.0.1');
    const nextToken = await createBadTokens(harness);
    const attackers = Array.from({ length: 20 }, (_, index) =>
      createCaller(harness.url, `127.0.0.${index + 2}`),
    );

    let isOver = false;
    const floods = Promise.all(attackers.map((attacker) => flood(attacker, 100, nextToken))).finally(() => {
      isOver = true;
    });
    const served: number[] = [];
    // A new token each time: nothing of it may rest on what is known already.
    while (!isOver) served.push((await good.call(await harness.token())).status);

    for (const answers of await floods) {
      // Three are under way at once, so two more than the limit may have passed it.
      expect(count(answers, 401)).toBeGreaterThanOrEqual(MAX);
      expect(count(answers, 401)).toBeLessThanOrEqual(MAX + 2);
      expect(count(answers, 401) + count(answers, 429)).toBe(100);
    }
    expect(served.length).toBeGreaterThan(10);
    expect(new Set(served)).toEqual(new Set([200]));
    expect(new Set(harness.runs.calls.map(({ userId }) => userId))).toEqual(new Set(['alice']));
  });

  test('does not become a flood of requests to the issuer', async () => {
    const harness = await startNotes({ limits: { failures: { max: 100_000 } } });
    const good = createCaller(harness.url, '127.0.0.1');
    expect(await good.call(await harness.token())).toMatchObject({ status: 200 });
    const before = harness.issuer.requests.total;
    const answers = await flood(createCaller(harness.url, '127.0.0.2'), 300, await createBadTokens(harness));
    expect(count(answers, 401)).toBe(300);
    expect(harness.issuer.requests.total - before).toBeLessThanOrEqual(2);
    expect(await good.call(await harness.token())).toMatchObject({ status: 200 });
  });

  test('from the same address leaves a caller served whose token is known', async () => {
    const harness = await startNotes({ limits: LIMITS });
    const [alice, mallory] = [createCaller(harness.url, '127.0.0.1'), createCaller(harness.url, '127.0.0.1')];
    const known = await harness.token();
    expect(await alice.call(known)).toMatchObject({ status: 200 });

    const floods = flood(mallory, 200, await createBadTokens(harness));
    const served: number[] = [];
    for (let index = 0; index < 50; index++) served.push((await alice.call(known)).status);
    const answers = await floods;

    expect(new Set(served)).toEqual(new Set([200]));
    expect(count(answers, 401)).toBeLessThanOrEqual(MAX + 2);
    expect(count(answers, 401) + count(answers, 429)).toBe(200);
    for (const { status, headers } of answers) {
      if (status === 429) expect(headers['retry-after']).toMatch(/^[1-9]\d*$/);
    }
    // A token that nobody has seen has to wait: it could be any of the guesses.
    expect(await alice.call(await harness.token())).toMatchObject({ status: 429 });
    expect(await alice.call(known)).toMatchObject({ status: 200 });
  });

  test('is not let in by a known token for another server, nor by one that was revoked', async () => {
    const harness = await startNotes({ limits: LIMITS });
    const caller = createCaller(harness.url, '127.0.0.1');
    const revoked = await harness.token();
    expect(await caller.call(revoked)).toMatchObject({ status: 200 });
    harness.gate.revoke({ token: revoked });
    await flood(caller, MAX + 3, await createBadTokens(harness));
    expect(await caller.call(revoked)).toMatchObject({ status: 429 });
    const elsewhere = await harness.token({ audience: 'https://elsewhere.example/mcp' });
    expect(await caller.call(elsewhere)).toMatchObject({ status: 429 });
  });

  test('is not made of requests without a token', async () => {
    const harness = await startNotes({ limits: LIMITS });
    for (let index = 0; index < MAX + 10; index++)
      expect((await fetch(harness.url, { method: 'POST' })).status).toBe(401);
    expect(await createCaller(harness.url, '127.0.0.1').call(await harness.token())).toMatchObject({
      status: 200,
    });
  });
});

describe('X-Forwarded-For', () => {
  const forgeries = (index: number): readonly Record<string, string>[] => [
    { 'x-forwarded-for': `203.0.113.${index}` },
    { 'x-forwarded-for': `203.0.113.${index}, 198.51.100.${index}` },
    { forwarded: `for=203.0.113.${index}` },
    { 'x-real-ip': `203.0.113.${index}` },
    { 'x-client-ip': `203.0.113.${index}` },
  ];

  test('of someone who is no trusted proxy hides nobody', async () => {
    const harness = await startNotes({ limits: LIMITS });
    const attacker = createCaller(harness.url, '127.0.0.2');
    const nextToken = await createBadTokens(harness);
    for (let index = 0; index < MAX; index++) {
      expect((await attacker.call(nextToken(), forgeries(index)[index % 5])).status).toBe(401);
    }
    for (const forgery of forgeries(200))
      expect((await attacker.call(nextToken(), forgery)).status).toBe(429);
    expect(harness.events.every(({ remoteAddress }) => remoteAddress === '127.0.0.2')).toBe(true);
  });

  test('of someone else does not lock an address out', async () => {
    const harness = await startNotes({ limits: LIMITS });
    const attacker = createCaller(harness.url, '127.0.0.2');
    const nextToken = await createBadTokens(harness);
    for (let index = 0; index < MAX + 5; index++)
      await attacker.call(nextToken(), { 'x-forwarded-for': '127.0.0.3' });
    expect(await createCaller(harness.url, '127.0.0.3').call(await harness.token())).toMatchObject({
      status: 200,
    });
  });

  test('of a trusted proxy tells its clients apart, whatever they put in front', async () => {
    const harness = await startNotes({ limits: LIMITS, listen: { trustedProxies: ['127.0.0.2'] } });
    const proxy = createCaller(harness.url, '127.0.0.2');
    const nextToken = await createBadTokens(harness);
    const from = (...hops: readonly string[]) => ({ 'x-forwarded-for': hops.join(', ') });
    for (let index = 0; index < MAX; index++) {
      const forged = from(`203.0.113.${index}`, '198.51.100.7');
      expect((await proxy.call(nextToken(), forged)).status).toBe(401);
    }
    expect((await proxy.call(nextToken(), from('203.0.113.99', '198.51.100.7'))).status).toBe(429);
    expect(await proxy.call(await harness.token(), from('198.51.100.8'))).toMatchObject({ status: 200 });
  });
});
