import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../../examples/auth-token/app.ts';
import {
  callDirectly,
  createPlayer,
  type Player,
  playRows,
} from '../../../examples/auth-token/parts/play-rows.ts';
import { type Serving, serve } from '../../../examples/auth-token/parts/serve.ts';
import { ROWS } from '../../../examples/auth-token/rows.ts';

describe('every row of the story, straight to the app', () => {
  let serving: Serving;
  let play: Player;

  beforeAll(async () => {
    serving = await serve(() => createApp({ audit: () => undefined }), { port: 0 });
    play = createPlayer(callDirectly(serving.url));
  });
  afterAll(() => serving.close());

  it.each(ROWS.map((row) => [row.title, row] as const))('%s', async (_title, row) => {
    expect(await play(row)).toBeUndefined();
  });
});

describe('the rows', () => {
  it('have titles of their own', () => {
    const titles = ROWS.map(({ title }) => title);
    expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
  });

  it.each([
    ['GET', '/public/info', 6],
    ['GET', '/user/profile', 6],
    ['GET', '/user/data', 6],
    ['PUT', '/user/settings', 6],
    ['GET', '/test/auth-info', 6],
    ['GET', '/admin/users', 6],
    ['POST', '/admin/grant', 6],
    ['DELETE', '/admin/sessions', 6],
    ['GET', '/service/metrics', 6],
  ])('hold %s %s for each of the callers', (method, path, callers) => {
    const credentials = ROWS.filter((row) => row.method === method && row.path === path).map(
      ({ headers }) => headers['authorization'],
    );
    const known = ['Bearer user-token-123', 'Bearer ${alice}', 'ApiKey api-key-789', 'Bearer api-key-789'];
    expect(credentials).toEqual(
      expect.arrayContaining([...known, 'Bearer admin-token-456', 'Bearer ${bob}'].slice(0, callers)),
    );
  });
});

describe('playing rows', () => {
  const row = {
    title: 'a row',
    method: 'GET',
    path: '/',
    headers: {},
    expect: { status: 200, body: { name: 'alice', at: /^\d+$/, list: [1, null] } },
  } as const;
  const playOne = (body: unknown, status = 200) => playRows([row], () => Promise.resolve({ status, body }));

  it('passes what is as it should be', async () => {
    await expect(playOne({ list: [1, null], name: 'alice', at: '12' })).resolves.toBeUndefined();
  });

  it.each([
    ['another status', { name: 'alice', at: '12', list: [1, null] }, 500],
    ['another value', { name: 'bob', at: '12', list: [1, null] }, 200],
    ['what does not match', { name: 'alice', at: 'x', list: [1, null] }, 200],
    ['a number where text is to match', { name: 'alice', at: 12, list: [1, null] }, 200],
    ['a field too many', { name: 'alice', at: '12', list: [1, null], extra: 1 }, 200],
    ['a field too few', { name: 'alice', at: '12' }, 200],
    ['a longer list', { name: 'alice', at: '12', list: [1, null, 2] }, 200],
    ['an object for a list', { name: 'alice', at: '12', list: { 0: 1, 1: null } }, 200],
    ['no object', 'alice', 200],
    ['nothing', undefined, 200],
  ])('fails at %s, naming the row', async (_what, body, status) => {
    await expect(playOne(body, status)).rejects.toThrow(/^a row: /);
  });

  it('fails at a name that no row has kept', async () => {
    const headers = { authorization: 'Bearer ${nobody}' };
    const call = () => Promise.resolve({ status: 200, body: null });
    await expect(playRows([{ ...row, headers }], call)).rejects.toThrow('nobody');
  });
});
