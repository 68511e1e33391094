import { describe, expect, it } from 'vitest';
import {
  AuthenticationError,
  type AuthProvider,
  InvalidTokenError,
  JWTAuthProvider,
  MCPAuthError,
  MissingCredentialsError,
} from '../../../src/index.ts';
import { ERAS, rpc } from '../../support/wire.ts';
import { connect } from './support/clients.ts';
import { JWT_SECRET, signToken } from './support/tokens.ts';
import { startWrapped } from './support/wrapped.ts';

const LIST = { method: 'tools/list' } as const;
const throwing = (failure: Error): AuthProvider => ({ authenticate: () => Promise.reject(failure) });

describe('[mcp-auth/error.AUTHENTICATION_FAILED] AuthenticationError', () => {
  it('is an error of the package with code and status', () => {
    const error = new AuthenticationError();
    expect(error).toBeInstanceOf(MCPAuthError);
    expect(error).toMatchObject({ name: 'AuthenticationError', code: 'AUTHENTICATION_FAILED', status: 401 });
    expect(new AuthenticationError('Locked', { detail: 'row 7' })).toMatchObject({
      message: 'Locked',
      detail: 'row 7',
    });
  });

  it.each(ERAS)(
    'is a 401 with challenge where a provider refuses something that is no token of ours (%s)',
    async (era) => {
      const { url, journal } = await startWrapped({
        authProvider: throwing(new AuthenticationError('The account is locked', { detail: 'row 7' })),
      });
      const answer = await rpc(url, { ...LIST, era, headers: [['x-company-badge', '17']] });
      expect(answer.status).toBe(401);
      expect(answer.json).toEqual({ error: 'The account is locked', code: 'AUTHENTICATION_FAILED' });
      expect(answer.headers['www-authenticate']).toMatch(
        /^Bearer .*error_description="The account is locked"/,
      );
      expect(answer.text).not.toContain('row 7');
      expect(journal.built).toEqual([]);
    },
  );
});

describe('[mcp-auth/error.INVALID_TOKEN] InvalidTokenError', () => {
  it('is an error of the package with code and status', () => {
    expect(new InvalidTokenError()).toMatchObject({
      name: 'InvalidTokenError',
      code: 'INVALID_TOKEN',
      status: 401,
    });
  });

  const tokens = {
    expired: () => signToken('alice', {}, { expiresInSeconds: -60 }),
    'signed with another secret': () =>
      signToken('alice', {}, { secret: 'another-secret-of-more-than-32-bytes!!' }),
    'for another audience': () => signToken('alice', { aud: 'https://other.example.com/mcp' }),
    'no JWT': async () => 'garbage',
    altered: async () => `${(await signToken('alice')).slice(0, -2)}AA`,
    'without a subject': () => signToken('', {}),
  };

  it.each(Object.entries(tokens))('is a 401 with challenge for a token that is %s', async (_name, make) => {
    const { url, journal } = await startWrapped();
    for (const era of ERAS) {
      const token = await make();
      const answer = await rpc(url, { ...LIST, era, token });
      expect(answer.status).toBe(401);
      expect(answer.json).toMatchObject({ code: 'INVALID_TOKEN', error: expect.any(String) });
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer error="invalid_token"/);
      expect(answer.text).not.toContain(token.slice(-20));
    }
    expect(journal.built).toEqual([]);
  });

  it('reaches a client as a failure to connect', async () => {
    const { url } = await startWrapped();
    await expect(connect('v1', url, 'garbage')).rejects.toThrow();
    await expect(connect('v2 auto', url, 'garbage')).rejects.toThrow();
  });
});

describe('[mcp-auth/error.MISSING_CREDENTIALS] MissingCredentialsError', () => {
  it('is an error of the package with code and status', () => {
    const error = new MissingCredentialsError();
    expect(error).toMatchObject({
      name: 'MissingCredentialsError',
      code: 'MISSING_CREDENTIALS',
      status: 401,
    });
  });

  it.each(ERAS)('is a 401 with a challenge that names no error, as nothing was wrong (%s)', async (era) => {
    const { url, journal } = await startWrapped();
    const answer = await rpc(url, { ...LIST, era });
    expect(answer.status).toBe(401);
    expect(answer.json).toEqual({ error: 'A credential is required', code: 'MISSING_CREDENTIALS' });
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="mcp"');
    expect(journal.built).toEqual([]);
  });

  it('names the scopes to ask for, and where to look for them where there is an authorization server', async () => {
    const { publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const pem = Buffer.from(await crypto.subtle.exportKey('spki', publicKey)).toString('base64');
    const { url } = await startWrapped({
      authProvider: new JWTAuthProvider({
        issuer: 'https://issuer.example',
        publicKey: `-----BEGIN PUBLIC KEY-----\n${pem}\n-----END PUBLIC KEY-----`,
      }),
      authorization: { endpoint: { scopes: ['notes:read'] } },
      transport: { publicUrl: 'https://mcp.example.com' },
    });
    const answer = await rpc(url, { ...LIST, era: '2025-11-25' });
    expect(answer.headers['www-authenticate']).toBe(
      'Bearer scope="notes:read", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"',
    );
  });
});

describe('[mcp-auth/defect.jwt-verify] a valid token', () => {
  it('verifies, end to end, for every algorithm of the secret', async () => {
    const { SignJWT } = await import('jose');
    const secret = `${JWT_SECRET}${JWT_SECRET}`;
    const { url } = await startWrapped({ authProvider: new JWTAuthProvider({ jwtSecret: secret }) });
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      const token = await new SignJWT({ sub: 'alice' })
        .setProtectedHeader({ alg })
        .setExpirationTime('5m')
        .sign(new TextEncoder().encode(secret));
      const client = await connect('v1', url, token);
      expect(JSON.parse((await client.call('whoami')).text)).toMatchObject({ userId: 'alice' });
    }
  });

  it('is for this server where it names an audience', async () => {
    const { url } = await startWrapped({ transport: { publicUrl: 'https://mcp.example.com' } });
    const statusFor = async (aud: string | string[]) =>
      (await rpc(url, { ...LIST, era: '2025-11-25', token: await signToken('alice', { aud }) })).status;
    expect(await statusFor('https://mcp.example.com/mcp')).toBe(200);
    expect(await statusFor(['https://other.example.com', 'https://mcp.example.com/mcp'])).toBe(200);
    expect(await statusFor('https://mcp.example.com')).toBe(401);
  });
});
