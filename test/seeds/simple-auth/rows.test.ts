import type { RequestListener } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callDirectly, createPlayer, type Player } from '../../../examples/auth-token/parts/play-rows.ts';
import { type Serving, serve } from '../../../examples/auth-token/parts/serve.ts';
import { ACCOUNTS } from '../../../examples/simple-auth/accounts.ts';
import {
  LESSON_SECRET_ROWS,
  LESSON_SESSION_ROWS,
  LOGIN_ROWS,
  ROLE_ROWS,
  SECRET,
  SECRET_ROWS,
  SESSION_ROWS,
  TOKEN_ROWS,
} from '../../../examples/simple-auth/rows.ts';
import { createSecretApp, LESSON } from '../../../examples/simple-auth/step-1-secret.ts';
import { createSessionsApp, type GatedApp } from '../../../examples/simple-auth/step-2-sessions.ts';
import { createTokenApp, createTokens } from '../../../examples/simple-auth/step-4-jwt.ts';
import { createLoginApp } from '../../../examples/simple-auth/step-5-refresh.ts';
import { createRolesApp } from '../../../examples/simple-auth/step-6-roles.ts';

const secret = 'a secret of this test, more than 32 bytes';
const tokens = createTokens({ secret });
const jane = ACCOUNTS.get('jane.doe')?.user;
if (jane === undefined) throw new Error('There is no jane.doe');
const known = {
  jane: await tokens.sign(jane),
  expired: await tokens.sign(jane, -60),
  nobody: await tokens.sign({ ...jane, permissions: [] }),
};

type Created = RequestListener | Promise<GatedApp>;

const STEPS = [
  ['step 1', () => createSecretApp({ secret: SECRET }), SECRET_ROWS],
  ['step 1, as the lesson has it', () => createSecretApp({ secret: SECRET, ...LESSON }), LESSON_SECRET_ROWS],
  ['step 2', (url: string) => createSessionsApp({ url, secret: SECRET }), SESSION_ROWS],
  [
    'step 2, as the lesson has it',
    (url: string) => createSessionsApp({ url, secret: SECRET, preset: 'lesson' }),
    LESSON_SESSION_ROWS,
  ],
  ['step 4', () => createTokenApp(tokens), TOKEN_ROWS],
  ['step 5', () => createLoginApp({ tokens }), LOGIN_ROWS],
  ['step 6', (url: string) => createRolesApp({ url, secret, tokens }), ROLE_ROWS],
] as const;

describe.each(STEPS)('%s', (_name, create: (url: string) => Created, rows) => {
  let serving: Serving;
  let play: Player;
  let gated: GatedApp | undefined;

  beforeAll(async () => {
    serving = await serve(
      async (url) => {
        const created = await create(url);
        if (typeof created === 'function') return created;
        gated = created;
        return created.app;
      },
      { port: 0 },
    );
    play = createPlayer(callDirectly(serving.url), known);
  });
  afterAll(async () => {
    await gated?.gate.close();
    await serving.close();
  });

  it.each(rows.map((row) => [row.title, row] as const))('%s', async (_title, row) => {
    expect(await play(row)).toBeUndefined();
  });
});

describe('the rows', () => {
  it.each(STEPS)('of %s have titles of their own', (_name, _create, rows) => {
    const titles = rows.map(({ title }) => title);
    expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
  });
});
