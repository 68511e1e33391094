import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { callDirectly, playRows, type Row } from '../auth-token/parts/play-rows.ts';
import { serve } from '../auth-token/parts/serve.ts';
import { ACCOUNTS } from './accounts.ts';
import * as rows from './rows.ts';
import { createSecretApp, LESSON } from './step-1-secret.ts';
import { createSessionsApp, type GatedApp } from './step-2-sessions.ts';
import { callTool, connect } from './step-3-client.ts';
import { createTokenApp, createTokens, type User } from './step-4-jwt.ts';
import { createLoginApp } from './step-5-refresh.ts';
import { createRolesApp } from './step-6-roles.ts';

const secret = randomBytes(32).toString('base64url');
const tokens = createTokens({ secret });

const jane = userNamed('jane.doe');
const nobody: User = { ...jane, name: 'Nobody', permissions: [] };

/** Every step, in order: what it is about, and playing it. @throws Error at the first difference */
export const STEPS: readonly { readonly about: string; play(): Promise<void> }[] = [
  {
    about: 'a shared secret in the Authorization header',
    async play() {
      const known = { secret: rows.SECRET };
      await playOver(() => createSecretApp(known), rows.SECRET_ROWS);
      await playOver(() => createSecretApp({ ...known, ...LESSON }), rows.LESSON_SECRET_ROWS);
    },
  },
  {
    about: 'an MCP server with sessions behind the secret',
    async play() {
      for (const preset of [undefined, 'lesson'] as const) {
        await withGated(
          (url) => createSessionsApp({ url, preset, secret: rows.SECRET }),
          (url) => playOverUrl(url, preset === 'lesson' ? rows.LESSON_SESSION_ROWS : rows.SESSION_ROWS),
        );
      }
    },
  },
  {
    about: 'a client that sends the secret',
    async play() {
      for (const preset of [undefined, 'lesson'] as const) {
        const authorization = preset === 'lesson' ? rows.SECRET : `Bearer ${rows.SECRET}`;
        await withGated(
          (url) => createSessionsApp({ url, preset, secret: rows.SECRET }),
          async (url) => {
            for (const era of ['2025', undefined] as const) {
              const { client, close, sessionId } = await connect(`${url}/mcp`, { authorization, era });
              assert.equal(sessionId !== undefined, era === '2025', `a session for a client of ${era}`);
              assert.equal(await callTool(client, 'hello'), 'hello, whoever knows');
              await close();
            }
            await assert.rejects(connect(`${url}/mcp`, { authorization: 'Bearer wrong' }));
          },
        );
      }
    },
  },
  {
    about: 'a JWT in place of the secret',
    async play() {
      const known = { jane: await tokens.sign(jane), expired: await tokens.sign(jane, -60) };
      await playOver(() => createTokenApp(tokens), rows.TOKEN_ROWS, known);
    },
  },
  {
    about: 'signing in, and tokens that are refreshed',
    async play() {
      const known = { expired: await tokens.sign(jane, -60) };
      await playOver(() => createLoginApp({ tokens }), rows.LOGIN_ROWS, known);
      await withApp(
        () => createLoginApp({ tokens }),
        async (url) => {
          const first = await post(`${url}/login`, { username: 'jane.doe', password: 'secure123' });
          const second = await post(`${url}/refresh`, { refreshToken: first['refreshToken'] });
          assert.notEqual(second['refreshToken'], first['refreshToken']);
          const again = await post(`${url}/refresh`, { refreshToken: first['refreshToken'] });
          assert.deepEqual(again, { error: 'Invalid refresh token' });
          const stolen = await post(`${url}/refresh`, { refreshToken: second['refreshToken'] });
          assert.deepEqual(stolen, { error: 'Invalid refresh token' }, 'the family ends with a reuse');
        },
      );
    },
  },
  {
    about: 'permissions for routes and for tools',
    async play() {
      const known = { expired: await tokens.sign(jane, -60), nobody: await tokens.sign(nobody) };
      const products = new Map<string, string>();
      await withGated(
        (url) => createRolesApp({ url, secret, tokens, products }),
        async (url) => {
          await playOverUrl(url, rows.ROLE_ROWS, known);
          await playTools(`${url}/mcp`, products);
        },
      );
    },
  },
];

async function playTools(url: string, products: Map<string, string>): Promise<void> {
  const as = async (user: User) => connect(url, { authorization: `Bearer ${await tokens.sign(user)}` });
  const [guest, writer, admin] = [
    await as(userNamed('gil.guest')),
    await as(jane),
    await as({ ...jane, name: 'Ada', permissions: ['User.Read', 'Admin.Write'] }),
  ];
  const namesFor = async ({ client }: typeof guest) =>
    (await client.listTools()).tools.map(({ name }) => name);
  assert.deepEqual(await namesFor(guest), ['list_products']);
  assert.deepEqual(await namesFor(writer), ['list_products', 'create_product']);
  assert.deepEqual(await namesFor(admin), ['list_products', 'create_product', 'delete_product']);

  await assert.rejects(callTool(guest.client, 'create_product', { name: 'lamp' }));
  assert.equal(products.size, 0, 'what is denied has not run');
  assert.equal(await callTool(writer.client, 'create_product', { name: 'lamp' }), 'Jane Doe created lamp');
  await assert.rejects(callTool(writer.client, 'delete_product', { name: 'lamp' }));
  assert.equal(products.size, 1, 'what is denied has not run');
  assert.equal(await callTool(admin.client, 'create_product', { name: 'desk' }), 'Ada created desk');
  assert.equal(await callTool(admin.client, 'delete_product', { name: 'lamp' }), 'Ada deleted lamp');
  for (const { close } of [guest, writer, admin]) await close();
}

function userNamed(username: string): User {
  const account = ACCOUNTS.get(username);
  if (account === undefined) throw new Error(`There is no ${username}`);
  return account.user;
}

async function playOver(
  create: () => RequestListener,
  list: readonly Row[],
  known?: Readonly<Record<string, string>>,
): Promise<void> {
  await withApp(create, (url) => playOverUrl(url, list, known));
}

function playOverUrl(
  url: string,
  list: readonly Row[],
  known?: Readonly<Record<string, string>>,
): Promise<void> {
  return playRows(list, callDirectly(url), known);
}

async function withApp(
  create: (url: string) => RequestListener | Promise<RequestListener>,
  work: (url: string) => Promise<void>,
): Promise<void> {
  const { close, url } = await serve(create, { port: 0 });
  try {
    await work(url);
  } finally {
    await close();
  }
}

async function withGated(
  create: (url: string) => Promise<GatedApp>,
  work: (url: string) => Promise<void>,
): Promise<void> {
  let gated: GatedApp | undefined;
  const createApp = async (url: string) => {
    gated = await create(url);
    return gated.app;
  };
  try {
    await withApp(createApp, work);
  } finally {
    await gated?.gate.close();
  }
}

async function post(url: string, body: unknown): Promise<Readonly<Record<string, unknown>>> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return (await response.json()) as Readonly<Record<string, unknown>>;
}
