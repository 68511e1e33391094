import { describe, expect, test } from 'vitest';
import { TokenResolutionError } from '../../src/core/errors.ts';
import { startNotes } from '../support/notes-gate.ts';
import {
  type ManagerBehaviour,
  SERVICE_TOKEN,
  startTenantManager,
  upstreamTokenOf,
} from '../support/tenant-manager.ts';
import { ERAS, type Era, rpc } from '../support/wire.ts';

const WHOAMI = { method: 'tools/call', params: { name: 'whoami' } } as const;

async function startWithManager({ cacheTtlMs = 0 }: { readonly cacheTtlMs?: number } = {}) {
  const manager = await startTenantManager();
  const api = {
    type: 'api',
    tenantManagerUrl: manager.url,
    serviceToken: SERVICE_TOKEN,
    timeoutMs: 200,
    cacheTtlMs,
  } as const;
  const harness = await startNotes({ tenancy: { credentials: { notes: api } } });
  const token = await harness.token();
  const call = (era: Era = '2025-11-25') => rpc(harness.url, { era, token, ...WHOAMI });
  return { ...harness, manager, call, bearer: token };
}

const UNAVAILABLE = {
  status: 503,
  headers: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/) },
  json: { error: 'The credential service is not available', code: 'CREDENTIALS_UNAVAILABLE' },
};

const OUTAGES: readonly (readonly [string, ManagerBehaviour])[] = [
  ['hangs up', 'hangs-up'],
  ['never answers', 'silent'],
  ['sends a head and no more', 'slow-head'],
  ['sends a byte at a time', 'slow-body'],
  ['never stops sending', 'endless'],
  ['sends megabytes', 'huge'],
  ['redirects', 'redirect'],
  ['refuses us: 401', { status: 401 }],
  ['refuses us: 403', { status: 403 }],
  ['fails: 500', { status: 500, body: { error: 'at Object.<anonymous> (/srv/manager.js:1:1)' } }],
  ['limits us: 429', { status: 429 }],
  ['answers 204', { status: 204 }],
  ['lies about the user', { body: JSON.stringify({ userId: 'bob', accessToken: 'upstream-of-bob' }) }],
  [
    'lies about the resource',
    { body: JSON.stringify({ resourceType: 'mail', accessToken: 'upstream-of-mail' }) },
  ],
  ['gives no token', { body: '{}' }],
  ['gives an empty token', { body: '{"accessToken":""}' }],
  ['gives a token of another type', { body: '{"accessToken":{"toString":"x"}}' }],
  ['gives a token with a line break', { body: JSON.stringify({ accessToken: 'a\r\nX-Admin: 1' }) }],
  ['gives a token that has expired', { body: JSON.stringify({ accessToken: 'old', expiresAt: 1 }) }],
  ['gives no JSON', { body: '<html>' }],
  ['gives JSON of another shape', { body: '["upstream-of-alice"]' }],
];

describe('a tenant manager that', () => {
  test.each(OUTAGES)('%s gives 503 with the reason, and the next call works', async (_name, behaviour) => {
    const { manager, call, runs, bearer } = await startWithManager();
    for (const era of ERAS) {
      manager.behaviour = behaviour;
      const answer = await call(era);
      expect(answer).toMatchObject(UNAVAILABLE);
      // A new login would not help, so nobody is sent to one.
      expect(answer.headers).not.toHaveProperty('www-authenticate');
      expect(answer.text).not.toMatch(/manager\.js|upstream|127\.0\.0\.1/);
      expect(answer.text).not.toContain(SERVICE_TOKEN);
      expect(answer.text).not.toContain(bearer);
      manager.behaviour = 'honest';
      expect(await call(era)).toMatchObject({
        status: 200,
        json: { result: { content: [{ text: 'alice' }] } },
      });
    }
    expect(runs.calls.map(({ token }) => token)).toEqual(ERAS.map(() => upstreamTokenOf('alice')));
    expect(manager.requests.map(({ path }) => path)).not.toContain('/honest/elsewhere');
  });

  test('is down gives 503', async () => {
    const { manager, call, runs } = await startWithManager();
    await manager.stop();
    expect(await call()).toMatchObject(UNAVAILABLE);
    expect(await call()).toMatchObject(UNAVAILABLE);
    expect(runs.built).toEqual([]);
  });

  test('fails is written to the audit log with the inner reason, without secrets', async () => {
    const { manager, call, events, bearer } = await startWithManager();
    manager.behaviour = { status: 401 };
    await call();
    const refused = events.filter(({ outcome }) => outcome === 'deny');
    expect(refused).toMatchObject([
      {
        code: 'CREDENTIALS_UNAVAILABLE',
        detail: 'the credential service answered 401',
        subject: 'alice',
        target: 'whoami',
      },
    ]);
    expect(JSON.stringify(events)).not.toContain(SERVICE_TOKEN);
    expect(JSON.stringify(events)).not.toContain(bearer);
  });

  test('is asked with our own token and never with the caller’s', async () => {
    const { manager, call, bearer } = await startWithManager();
    await call();
    expect(manager.requests.length).toBeGreaterThan(0);
    for (const { path, headers } of manager.requests) {
      expect(path).toBe('/api/credentials/alice/notes');
      expect(headers.authorization).toBe(`Bearer ${SERVICE_TOKEN}`);
      expect(JSON.stringify(headers)).not.toContain(bearer);
    }
  });

  test('fails does not take back a token that is still cached', async () => {
    const { manager, call } = await startWithManager({ cacheTtlMs: 60_000 });
    expect(await call()).toMatchObject({ status: 200 });
    manager.behaviour = 'hangs-up';
    expect(await call()).toMatchObject({ status: 200 });
  });

  test('is slow is asked once by many callers at a time', async () => {
    const { manager, call } = await startWithManager();
    manager.behaviour = 'silent';
    const answers = await Promise.all(Array.from({ length: 20 }, () => call()));
    for (const answer of answers) expect(answer).toMatchObject(UNAVAILABLE);
    expect(manager.requests).toHaveLength(1);
  });
});

describe('an account that is not linked', () => {
  test.each(ERAS)('is told with its remedy, in %s', async (era) => {
    const { manager, call, runs } = await startWithManager();
    manager.behaviour = 'unlinked';
    const answer = await call(era);
    // In the answer to the call, so that the model can pass it on; never a 401.
    expect(answer).toMatchObject({ status: 200, json: { result: { isError: true } } });
    const [first] = (answer.json?.['result']?.['content'] ?? []) as unknown as readonly {
      readonly text: string;
    }[];
    expect(JSON.parse(first?.text ?? '')).toEqual({
      error: 'No notes account is linked for this user',
      code: 'TOKEN_RESOLUTION_FAILED',
      remedy: { kind: 'link', resourceType: 'notes' },
    });
    expect(runs.calls).toEqual([]);
  });

  test.each(ERAS)('is told as 403 where no tool could tell it, in %s', async (era) => {
    const { manager, url, bearer, runs } = await startWithManager();
    manager.behaviour = 'unlinked';
    const answer = await rpc(url, {
      era,
      token: bearer,
      method: 'resources/read',
      params: { uri: 'notes://public/1' },
    });
    expect(answer).toMatchObject({
      status: 403,
      json: { code: 'TOKEN_RESOLUTION_FAILED', remedy: { kind: 'link', resourceType: 'notes' } },
    });
    expect(answer.headers).not.toHaveProperty('www-authenticate');
    expect(runs.calls).toEqual([]);
  });

  test('still sees what there is', async () => {
    const { manager, url, bearer } = await startWithManager();
    manager.behaviour = 'unlinked';
    const answer = await rpc(url, { era: '2025-11-25', token: bearer, method: 'tools/list' });
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('whoami');
  });

  test('is asked for again, and served once it is linked', async () => {
    const { manager, call } = await startWithManager();
    manager.behaviour = 'unlinked';
    expect(await call()).toMatchObject({ json: { result: { isError: true } } });
    manager.behaviour = 'honest';
    // "Not linked" is believed for a second.
    await expect.poll(async () => (await call()).text, { timeout: 5000, interval: 200 }).toContain('"alice"');
  });
});

describe('a resolver in code that', () => {
  const failures: readonly (readonly [string, unknown])[] = [
    ['throws', new TypeError('secret inner reason')],
    ['throws no error', { secret: 'inner reason' }],
    ['says that it is out of order', new TokenResolutionError('The vault is sealed', { outage: true })],
  ];

  test.each(failures)('%s is an outage, and no failure of ours', async (_name, reason) => {
    const resolveToken = () => Promise.reject(reason as Error);
    const harness = await startNotes({ tenancy: { credentials: { notes: { resolveToken } } } });
    const answer = await rpc(harness.url, { era: '2025-11-25', token: await harness.token(), ...WHOAMI });
    expect(answer).toMatchObject({ status: 503, json: { code: 'CREDENTIALS_UNAVAILABLE' } });
    expect(answer.headers['retry-after']).toBe('5');
    expect(answer.text).not.toContain('inner reason');
    expect(harness.runs.calls).toEqual([]);
  });

  test('refuses a user tells so to the model', async () => {
    const resolveToken = () => Promise.reject(new TokenResolutionError('This account is closed'));
    const harness = await startNotes({ tenancy: { credentials: { notes: { resolveToken } } } });
    const answer = await rpc(harness.url, { era: '2025-11-25', token: await harness.token(), ...WHOAMI });
    expect(answer).toMatchObject({ status: 200, json: { result: { isError: true } } });
    expect(answer.text).toContain('This account is closed');
    expect(harness.runs.calls).toEqual([]);
  });
});

describe('a user whose id', () => {
  test.each(['.', '..'])(
    'is %j, which no path can hold, is refused, and nobody is asked',
    async (subject) => {
      const { manager, url, issuer, resource, runs } = await startWithManager();
      const token = await issuer.token({ subject, audience: resource });
      const answer = await rpc(url, { era: '2025-11-25', token, ...WHOAMI });
      expect(answer.status === 401 || answer.json?.['result']?.['isError'] !== undefined).toBe(true);
      expect(manager.requests).toEqual([]);
      expect(runs.calls).toEqual([]);
    },
  );

  test.each(['../bob', 'a/../bob', 'bob?x=', 'bob#', 'bob%2f', 'böb', ' '])(
    'is %j stays one segment of the path',
    async (subject) => {
      const { manager, url, issuer, resource, runs } = await startWithManager();
      const token = await issuer.token({ subject, audience: resource });
      expect(await rpc(url, { era: '2025-11-25', token, ...WHOAMI })).toMatchObject({ status: 200 });
      expect(new Set(manager.requests.map(({ path }) => path))).toEqual(
        new Set([`/api/credentials/${encodeURIComponent(subject)}/notes`]),
      );
      expect(runs.calls).toMatchObject([{ token: upstreamTokenOf(subject) }]);
    },
  );
});
