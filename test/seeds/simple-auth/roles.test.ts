import { describe, expect, it, onTestFinished } from 'vitest';
import { callTool, connect } from '../../../examples/simple-auth/step-3-client.ts';
import { createTokens, type User } from '../../../examples/simple-auth/step-4-jwt.ts';
import { createRolesApp, type Products } from '../../../examples/simple-auth/step-6-roles.ts';
import { ERAS, rpc } from '../../support/wire.ts';
import { send } from '../auth-token/running-app.ts';
import { startGated } from './running-app.ts';

const secret = 'a secret of this test, more than 32 bytes';
const tokens = createTokens({ secret });

const start = (products: Products = new Map()) =>
  startGated((url) => createRolesApp({ url, secret, tokens, products }));

const tokenWith = (permissions: readonly string[], expiresInSeconds?: number) => {
  const user: User = { id: '7', name: 'Kim', admin: false, role: 'user', permissions };
  return tokens.sign(user, expiresInSeconds);
};

async function connectWith(url: string, permissions: readonly string[]) {
  const authorization = `Bearer ${await tokenWith(permissions)}`;
  const { client } = await connect(`${url}/mcp`, { authorization });
  onTestFinished(() => client.close());
  return client;
}

const TOOLS = ['list_products', 'create_product', 'delete_product'];

describe('a tool', () => {
  it.each([
    [[], []],
    [['User.Write', 'Admin.Write'], []],
    [['User.Read'], ['list_products']],
    [
      ['User.Read', 'User.Write'],
      ['list_products', 'create_product'],
    ],
    [['User.Read', 'Admin.Write'], TOOLS],
    [['User.Read', 'User.Write', 'Admin.Write'], TOOLS],
    [['user.read', 'admin.write'], []],
    [['User', 'Admin', 'User.*'], []],
  ])('is shown and run for those with %j: %j', async (permissions, allowed) => {
    const products: Products = new Map([['lamp', 'Jane']]);
    const client = await connectWith(await start(products), permissions);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(allowed);

    const ran = async (name: string) =>
      callTool(client, name, { name: 'lamp' }).then(
        () => true,
        () => false,
      );
    for (const name of TOOLS) {
      const before = new Map(products);
      expect(await ran(name), name).toBe(allowed.includes(name));
      // What is denied has not run.
      if (!allowed.includes(name)) expect(products).toEqual(before);
    }
  });

  it('knows its caller', async () => {
    const client = await connectWith(await start(), ['User.Read', 'User.Write']);
    expect(await callTool(client, 'create_product', { name: 'desk' })).toBe('Kim created desk');
    expect(await callTool(client, 'list_products')).toBe('[{"product":"desk","owner":"Kim"}]');
  });

  it.each(ERAS)('is not told of to those who may not call it (%s)', async (era) => {
    const url = await start();
    const token = await tokenWith(['User.Read']);
    const call = (name: string) =>
      rpc(`${url}/mcp`, { era, method: 'tools/call', params: { name, arguments: {} }, token });
    const [hidden, unknown] = [await call('delete_product'), await call('no_such_tool')];
    expect(hidden.text.replaceAll('delete_product', 'no_such_tool')).toBe(unknown.text);
  });
});

describe('a missing, expired or wrong token', () => {
  it.each(ERAS)('is told apart by MCP clients (%s)', async (era) => {
    const url = await start();
    const answers = await Promise.all(
      [undefined, await tokenWith(['User.Read'], -60), 'wrong'].map((token) =>
        rpc(`${url}/mcp`, { era, method: 'tools/list', token }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
    expect(answers.map(({ json }) => json?.['error'])).toEqual([
      'A credential is required',
      'The token has expired',
      'The token is not valid',
    ]);
  });
});

describe('a route', () => {
  it.each([
    ['/protected', [], 403],
    ['/protected', ['User.Read'], 200],
    ['/protected', ['Admin.Access'], 403],
    ['/admin', ['User.Read'], 403],
    ['/admin', ['Admin.Access'], 403],
    ['/admin', ['User.Read', 'Admin.Access'], 200],
    ['/resource', [], 200],
  ])('%s with %j: %i', async (path, permissions, status) => {
    const url = await start();
    const reply = await send(url + path, { authorization: `Bearer ${await tokenWith(permissions)}` });
    expect(reply.status).toBe(status);
    if (status === 403) expect(reply.json).toEqual({ error: 'Permission denied' });
  });
});
