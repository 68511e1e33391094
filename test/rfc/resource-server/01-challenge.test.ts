import {
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
} from '@modelcontextprotocol/client';
import { describe, expect, test } from 'vitest';
import { parseChallenge, scopesAskedBy } from '../../support/challenge.ts';
import { CLIENTS } from '../../support/clients.ts';
import { NOTES_RULES } from '../../support/notes.ts';
import { startNotes } from '../../support/notes-gate.ts';
import { MODES } from '../../support/peers.ts';
import { raw, rpc } from '../../support/wire.ts';

const ENDPOINT = { endpoint: { scopes: ['mcp:use', 'notes:read'] } };
const SECRET = 'a secret that is long enough for HS256';

describe('[resource-server/1] a request without a credential', () => {
  test.each(MODES)('is challenged with the metadata document and the scopes ($mode)', async (mode) => {
    const { url, origin, runs } = await startNotes({ mode, authorization: ENDPOINT });
    const answer = await rpc(url, { era: mode.era, method: 'tools/call', params: { name: 'whoami' } });
    expect(answer.status).toBe(401);
    expect(parseChallenge(answer)).toEqual({
      scheme: 'Bearer',
      parameters: {
        scope: 'mcp:use notes:read',
        resource_metadata: `${origin}/.well-known/oauth-protected-resource/mcp`,
      },
    });
    expect(answer.json).toEqual({ error: 'A credential is required', code: 'MISSING_CREDENTIALS' });
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(runs.built).toEqual([]);
  });

  test.each(MODES)('is asked for no scope where none is configured ($mode)', async (mode) => {
    const { url } = await startNotes({ mode });
    const { parameters } = parseChallenge(await rpc(url, { era: mode.era, method: 'tools/list' }));
    expect(Object.keys(parameters)).toEqual(['resource_metadata']);
  });

  test.each(MODES)(
    'is asked for all that the server knows of where none is needed everywhere ($mode)',
    async (mode) => {
      const { url } = await startNotes({ mode, authorization: NOTES_RULES });
      const answer = await rpc(url, { era: mode.era, method: 'tools/list' });
      expect(scopesAskedBy(answer)).toEqual(['notes:draft', 'notes:write']);
    },
  );

  test.each(['Basic YWxpY2U6c2VjcmV0', 'Digest username="alice"', 'Negotiate YII', 'token'])(
    'has none in a scheme that is not served here: %s',
    async (authorization) => {
      const { url } = await startNotes();
      const headers = [['authorization', authorization]] as const;
      const answer = await rpc(url, { era: '2026-07-28', method: 'tools/list', headers });
      expect(answer.status).toBe(401);
      expect(parseChallenge(answer).parameters).not.toHaveProperty('error');
    },
  );

  test('is sent to the configured URL, not to the one it came by', async () => {
    const { url } = await startNotes({ publicUrl: 'https://mcp.example.com' });
    const answer = await rpc(url, { era: '2026-07-28', method: 'tools/list' });
    expect(parseChallenge(answer).parameters['resource_metadata']).toBe(
      'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
    );
  });

  test('is sent nowhere when no authorization server is configured', async () => {
    const auth = [{ type: 'jwt' as const, secret: SECRET }];
    const { url, origin } = await startNotes({ auth, authorization: ENDPOINT });
    const answer = await rpc(url, { era: '2026-07-28', method: 'tools/list' });
    expect(parseChallenge(answer)).toEqual({ scheme: 'Bearer', parameters: { scope: 'mcp:use notes:read' } });
    expect((await raw(`${origin}/.well-known/oauth-protected-resource/mcp`)).status).toBe(404);
  });

  test('leads a client by the SDK’s own reading to metadata of this very resource', async () => {
    const { url, resource, issuer } = await startNotes({ authorization: ENDPOINT });
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    const { resourceMetadataUrl, scope, error } = extractWWWAuthenticateParams(answer);
    expect([scope, error]).toEqual(['mcp:use notes:read', undefined]);
    const metadata = await discoverOAuthProtectedResourceMetadata(url, {
      resourceMetadataUrl: resourceMetadataUrl ?? '',
    });
    expect(metadata).toMatchObject({ resource, authorization_servers: [issuer.issuer] });
  });
});

describe.each(CLIENTS)('[resource-server/1] $client', ({ connect }) => {
  test('is refused without a token', async () => {
    const { url, runs } = await startNotes();
    await expect(connect(url)).rejects.toThrow(/401|unauthorized|A credential is required/i);
    expect(runs.built).toEqual([]);
  });

  test.each(['v2', 'v1'] as const)('is served with one by a server of SDK %s', async (sdk) => {
    const { url, token, runs } = await startNotes({ sdk });
    const client = await connect(url, await token());
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('echo');
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'hello' } });
    expect(content).toEqual([{ type: 'text', text: 'hello' }]);
    expect(runs.calls).toEqual([{ tool: 'echo', token: '', userId: 'alice' }]);
  });
});
