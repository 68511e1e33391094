import { describe, expect, it, onTestFinished } from 'vitest';
import { createLocalIssuer } from '../../src/testing/local-issuer.ts';
import { checkResourceServer } from '../../src/testing/resource-server-check/check-resource-server.ts';
import { startNotes } from '../support/notes-gate.ts';

const ITEMS = Array.from({ length: 17 }, (_, index) => index + 1);

const RULES = {
  endpoint: { scopes: ['mcp'] },
  tools: { 'notes/write': { scopes: ['notes:write'] }, 'notes/purge': { roles: ['admin'] } },
  prompts: { 'notes/plot': { roles: ['admin'] } },
  resources: { 'notes/notes://secret/*': { roles: ['admin'] } },
};

describe('the judge on the gate itself', () => {
  it.each([
    ['v2', 'stateless'],
    ['v2', 'stateful'],
    ['v1', 'stateless'],
    ['v1', 'stateful'],
  ] as const)(
    'finds nothing wrong, for a server of SDK %s, %s',
    async (sdk, mode) => {
      const gate = await startNotes({
        sdk,
        server: { sessions: { mode } },
        authorization: RULES,
        limits: { failures: { max: 100_000 } },
      });
      const stranger = await createLocalIssuer();
      onTestFinished(() => stranger.close());
      const scopes = ['mcp'];
      const revokedToken = await gate.token({ scopes, claims: { jti: 'revoked' } });
      gate.gate.revoke({ token: revokedToken });
      const report = await checkResourceServer({
        only: ITEMS.filter((item) => item !== 16),
        url: gate.url,
        token: await gate.token({ scopes }),
        otherToken: await gate.token({ subject: 'bob', scopes }),
        limitedToken: await gate.token({ subject: 'carol', scopes }),
        foreignAudienceToken: [
          await gate.token({ scopes, audience: `${gate.url}/other` }),
          await gate.token({ scopes, audience: gate.origin }),
        ],
        idToken: await gate.token({ scopes, claims: { nonce: 'n', at_hash: 'h' }, typ: 'JWT' }),
        expiredToken: await gate.token({ scopes, expiresInSeconds: -60 }),
        revokedToken,
        foreignIssuerToken: await stranger.token({ subject: 'alice', audience: gate.url, scopes }),
        boundToken: await gate.token({ scopes, claims: { cnf: { jkt: 'x' } } }),
        tool: 'whoami',
        scopedTool: 'write',
        hiddenTool: 'purge',
        ...(sdk === 'v2' && { hiddenPrompt: 'plot', hiddenResource: 'notes://secret/1' }),
      });
      const streams = await checkResourceServer({
        only: [16],
        url: gate.url,
        token: await gate.token({ scopes }),
        shortLivedToken: await gate.token({ scopes, expiresInSeconds: 3 }),
      });
      const items = [...report.items, ...streams.items];
      const failed = items.flatMap((item) =>
        item.checks
          .filter((check) => check.verdict === 'failed')
          .map((check) => `${item.id} ${check.name}: ${check.evidence}`),
      );
      expect(failed).toEqual([]);
      expect([...report.problems, ...streams.problems]).toEqual([]);
      const passed = items.filter((item) => item.verdict === 'passed').map((item) => item.id);
      expect(passed.toSorted((a, b) => a - b)).toEqual(ITEMS);
    },
    60_000,
  );
});
