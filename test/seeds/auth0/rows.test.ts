import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callDirectly, createPlayer, type Player } from '../../../examples/auth-token/parts/play-rows.ts';
import { type Serving, serve } from '../../../examples/auth-token/parts/serve.ts';
import { createApp } from '../../../examples/auth0/app.ts';
import { signAllIn } from '../../../examples/auth0/check.ts';
import { createLocalTenant, type LocalTenant } from '../../../examples/auth0/local-tenant.ts';
import { MOCK_ROWS, TENANT_ROWS } from '../../../examples/auth0/rows.ts';

const audit = () => undefined;

describe('every row of the story with mock tokens, straight to the app', () => {
  let serving: Serving;
  let play: Player;

  beforeAll(async () => {
    serving = await serve(() => createApp({ audit }), { port: 0 });
    play = createPlayer(callDirectly(serving.url));
  });
  afterAll(() => serving.close());

  it.each(MOCK_ROWS.map((row) => [row.title, row] as const))('%s', async (_title, row) => {
    expect(await play(row)).toBeUndefined();
  });
});

describe('every row of the story with tokens of a tenant, straight to the app', () => {
  let tenant: LocalTenant;
  let serving: Serving;
  let play: Player;

  beforeAll(async () => {
    tenant = await createLocalTenant();
    serving = await serve((publicUrl) => createApp({ audit, publicUrl, env: tenant.env }), { port: 0 });
    play = createPlayer(callDirectly(serving.url), await signAllIn(serving.url));
  });
  afterAll(async () => {
    await serving.close();
    await tenant.close();
  });

  it.each(TENANT_ROWS.map((row) => [row.title, row] as const))('%s', async (_title, row) => {
    expect(await play(row)).toBeUndefined();
  });
});

describe('the rows', () => {
  it.each([
    ['mock', MOCK_ROWS],
    ['tenant', TENANT_ROWS],
  ])('have titles of their own (%s)', (_name, rows) => {
    const titles = rows.map(({ title }) => title);
    expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
  });

  it.each([
    ['GET', '/'],
    ['GET', '/api/profile'],
    ['PUT', '/api/profile'],
    ['GET', '/api/email'],
    ['GET', '/api/users'],
    ['POST', '/api/users'],
    ['GET', '/api/admin/users'],
    ['POST', '/api/admin/permissions'],
    ['GET', '/api/auth0/user/auth0%7Cuser123'],
    ['GET', '/api/auth0/user/auth0%7Cnobody'],
  ])('hold %s %s for each of the callers', (method, path) => {
    const credentials = MOCK_ROWS.filter((row) => row.method === method && row.path === path).map(
      ({ headers }) => headers['authorization'],
    );
    expect(credentials).toEqual(
      expect.arrayContaining(['Bearer ${user}', 'Bearer ${viewer}', 'Bearer ${admin}']),
    );
  });
});
