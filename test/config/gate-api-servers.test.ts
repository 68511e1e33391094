import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../src/config/from-file.ts';
import { ConfigurationError } from '../../src/core/errors.ts';
import { createGate } from '../../src/gate.ts';
import { parseChallenge } from '../support/challenge.ts';
import { CLIENTS } from '../support/clients.ts';
import { startGate } from '../support/gate-harness.ts';
import { createRuns } from '../support/notes.ts';
import { notesFactory } from '../support/notes-server.ts';
import { notesFactoryV1 } from '../support/notes-server-v1.ts';
import { ERAS, raw, rpc } from '../support/wire.ts';
import { SECRET } from './fixtures/options.ts';

const WHOAMI = { method: 'tools/call', params: { name: 'whoami', arguments: {} } };
const MODULES = {
  v2: fileURLToPath(new URL('./fixtures/notes-server.mjs', import.meta.url)),
  v1: fileURLToPath(new URL('./fixtures/notes-server-v1.mjs', import.meta.url)),
};

describe('[config/servers-resource] several servers', () => {
  test.each(ERAS)(
    'have a path and a resource each, and tokens for one are none for another (%s)',
    async (era) => {
      const runs = { notes: createRuns(), files: createRuns() };
      const { origin, gate, token } = await startGate({
        servers: {
          notes: { factory: notesFactory(runs.notes) },
          files: { factory: notesFactoryV1(runs.files) },
        },
      });
      const resources = { notes: `${origin}/mcp/notes`, files: `${origin}/mcp/files` };
      expect(Object.fromEntries(gate.servers.map(({ name, resource }) => [name, resource]))).toEqual(
        resources,
      );
      const names = ['notes', 'files'] as const;
      for (const mine of names) {
        const own = await token({ audience: resources[mine] });
        for (const asked of names) {
          const answer = await rpc(resources[asked], { era, token: own, ...WHOAMI });
          expect([mine, asked, answer.status]).toEqual([mine, asked, mine === asked ? 200 : 401]);
        }
      }
      expect([runs.notes.calls.length, runs.files.calls.length]).toEqual([1, 1]);
      const both = await token({ audience: Object.values(resources) });
      for (const name of names)
        expect((await rpc(resources[name], { era, token: both, ...WHOAMI })).status).toBe(200);
      expect((await rpc(`${origin}/mcp`, { era, token: both, ...WHOAMI })).status).toBe(404);
    },
  );

  test('have a metadata document each, and a challenge that leads to it', async () => {
    const { origin, issuer } = await startGate({
      servers: { notes: { factory: notesFactory() }, files: { factory: notesFactory() } },
    });
    for (const name of ['notes', 'files']) {
      const resource = `${origin}/mcp/${name}`;
      const refused = await rpc(resource, { era: '2026-07-28', ...WHOAMI });
      const document = `${origin}/.well-known/oauth-protected-resource/mcp/${name}`;
      expect(parseChallenge(refused).parameters['resource_metadata']).toBe(document);
      expect((await raw(document)).json).toMatchObject({ resource, authorization_servers: [issuer.issuer] });
    }
    // RFC 9728 §3.3: one at the root would have to name one of them.
    expect((await raw(`${origin}/.well-known/oauth-protected-resource`)).status).toBe(404);
  });

  test('keep the resource of the public URL wherever they are reached', async () => {
    const publicUrl = 'https://mcp.example.com/tools';
    const { origin, gate, token } = await startGate({
      publicUrl,
      servers: { notes: { factory: notesFactory() } },
    });
    expect(gate.servers).toEqual([{ name: 'notes', resource: `${publicUrl}/mcp`, path: '/mcp' }]);
    const reached = `${origin}/mcp`;
    const call = (given: string) => rpc(reached, { era: '2026-07-28', token: given, ...WHOAMI });
    expect((await call(await token())).status).toBe(200);
    expect((await call(await token({ audience: reached }))).status).toBe(401);
  });
});

describe('[config/servers-module] a module', () => {
  describe.each([
    ['v2', 'alice'],
    ['v1', 'alice by v1'],
  ] as const)('of SDK %s', (sdk, text) => {
    test.each(CLIENTS)('is served to a $client', async ({ connect }) => {
      const { url, token } = await startGate({ servers: { notes: { module: MODULES[sdk] } } });
      const client = await connect(url, await token());
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toContain('whoami');
      expect((await client.callTool({ name: 'whoami', arguments: {} })).content).toEqual([
        { type: 'text', text },
      ]);
    });
  });

  async function inFolder(files: Readonly<Record<string, string>>): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'gatehouse-module-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return folder;
  }

  const gateOf = (module: string) =>
    createGate({ servers: { notes: { module } }, auth: [{ type: 'jwt', secret: SECRET }] });

  test('is found beside the configuration file that names it', async () => {
    const module = `export { createServer } from ${JSON.stringify(pathToFileURL(MODULES.v2).href)};`;
    const config =
      'version: 1\nservers: { notes: { module: ./notes.mjs } }\nauth: [{ type: jwt, secret: "${env:S}" }]\n';
    const folder = await inFolder({ 'notes.mjs': module, 'gatehouse.config.yaml': config });
    const loaded = await loadConfig(undefined, { cwd: folder, environment: { S: SECRET } });
    expect(loaded.servers['notes']).toMatchObject({ module: join(folder, 'notes.mjs') });
    const gate = await createGate(loaded);
    onTestFinished(() => gate.close());
    expect(gate.servers).toMatchObject([{ name: 'notes' }]);
  });

  test.each([
    ['exports something else', 'export const server = 1;', /must export a function createServer/],
    [
      'exports no function by that name',
      'export const createServer = {};',
      /must export a function createServer/,
    ],
    ['fails while it is loaded', 'throw new Error("no database");', /cannot be loaded: no database/],
    ['is no JavaScript', 'export const = createServer;\n// not at all\n', /cannot be loaded/],
  ])('that %s is a ConfigurationError that names it', async (_what, text, problem) => {
    const module = join(await inFolder({ 'bad.mjs': text }), 'bad.mjs');
    const refused = gateOf(module);
    await expect(refused).rejects.toBeInstanceOf(ConfigurationError);
    await expect(refused).rejects.toThrow(`servers.notes.module: ${module} `);
    await expect(refused).rejects.toThrow(problem);
  });

  test.each(['./no-such-module.mjs', 'no-such-package-of-anyone'])(
    'that is not there is one, too: %s',
    async (module) => {
      const refused = gateOf(module);
      await expect(refused).rejects.toBeInstanceOf(ConfigurationError);
      await expect(refused).rejects.toThrow(`servers.notes.module: ${module} cannot be loaded`);
    },
  );
});
