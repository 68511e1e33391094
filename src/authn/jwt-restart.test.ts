import { expect, it, onTestFinished } from 'vitest';
import { Secret } from '../core/secret.ts';
import { createLocalIssuer } from '../testing/local-issuer.ts';
import { JWTAuthProvider } from './jwt.ts';

it('[mcp-auth/wrap.methods] serves again after it was cleaned up, and keeps its revocations', async () => {
  const issuer = await createLocalIssuer();
  onTestFinished(() => issuer.close());
  const provider = new JWTAuthProvider({ issuer: issuer.issuer, jwksUri: issuer.jwksUri });
  const resource = 'https://mcp.example.com/mcp';
  const ask = (token: string) =>
    provider.authenticate({
      transport: 'http',
      timestamp: new Date(),
      resource,
      credential: { kind: 'bearer', token: new Secret(token) },
    });
  const [kept, revoked] = await Promise.all(
    ['alice', 'bob'].map((subject) => issuer.token({ subject, audience: resource })),
  );
  expect((await ask(kept ?? '')).authenticated).toBe(true);
  provider.revokeToken(revoked ?? '');

  await provider.cleanup();
  expect(await ask(kept ?? '')).toMatchObject({ authenticated: false, reason: 'unavailable' });
  await provider.initialize();
  expect((await ask(kept ?? '')).authenticated).toBe(true);
  expect(await ask(revoked ?? '')).toMatchObject({ authenticated: false, reason: 'invalid' });
});
