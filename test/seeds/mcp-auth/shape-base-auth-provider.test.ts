import { describe, expect, it } from 'vitest';
import {
  type AuthResult,
  BaseAuthProvider,
  createPrincipal,
  InvalidTokenError,
  type RequestContext,
} from '../../../src/index.ts';
import { rpc } from '../../support/wire.ts';
import { startWrapped } from './support/wrapped.ts';

const KEYS = new Map([
  ['key-of-alice', 'alice'],
  ['key-of-bob', 'bob'],
]);

/** A subclass as users write them: API keys in a table. */
class KeyProvider extends BaseAuthProvider {
  asked = 0;
  expiresAt: number | undefined;

  protected async doAuthenticate(context: RequestContext): Promise<AuthResult> {
    this.asked += 1;
    const key = context.headers?.['x-api-key'];
    if (key === 'outage') throw new Error('table at 10.0.0.7 is out of reach');
    if (key === 'malformed') throw new InvalidTokenError('This is no key of ours');
    const userId = typeof key === 'string' ? KEYS.get(key) : undefined;
    if (userId === undefined)
      return { authenticated: false, reason: key === undefined ? 'absent' : 'invalid' };
    const principal = createPrincipal({
      issuer: 'urn:test',
      subject: userId,
      ...(this.expiresAt !== undefined && { expiresAt: this.expiresAt }),
    });
    return { authenticated: true, principal };
  }
}

const whoami = (url: string, key: string | undefined, more: readonly (readonly [string, string])[] = []) =>
  rpc(url, {
    era: '2025-11-25',
    method: 'tools/call',
    params: { name: 'whoami' },
    headers: [...(key === undefined ? [] : [['x-api-key', key] as const]), ...more],
  });

const userOf = (answer: Awaited<ReturnType<typeof whoami>>): string => answer.text.replaceAll('\\"', '"');

describe('[mcp-auth/shape.base-auth-provider] a subclass of BaseAuthProvider', () => {
  it('is asked every time by default', async () => {
    const authProvider = new KeyProvider();
    const { url } = await startWrapped({ authProvider });
    await whoami(url, 'key-of-alice');
    await whoami(url, 'key-of-alice');
    expect(authProvider.asked).toBe(2);
  });

  it('is asked once for a credential with cacheResults, and never mixes callers up', async () => {
    const authProvider = new KeyProvider({ cacheResults: true, cacheTtl: 60_000 });
    const { url } = await startWrapped({ authProvider });
    for (const user of ['alice', 'bob', 'alice', 'bob']) {
      expect(userOf(await whoami(url, `key-of-${user}`))).toContain(`"userId":"${user}"`);
    }
    expect(authProvider.asked).toBe(2);
    // Another header of the same name on other requests, or one more, must not find another's answer.
    expect(userOf(await whoami(url, 'key-of-bob', [['x-user-id', 'alice']]))).toContain('"userId":"bob"');
  });

  it('does not remember a no', async () => {
    const authProvider = new KeyProvider({ cacheResults: true });
    const { url } = await startWrapped({ authProvider });
    expect((await whoami(url, 'key-of-carol')).status).toBe(401);
    KEYS.set('key-of-carol', 'carol');
    expect(userOf(await whoami(url, 'key-of-carol'))).toContain('"userId":"carol"');
    KEYS.delete('key-of-carol');
  });

  it('is asked again once the time is over, and at the latest when the credential expires', async () => {
    let now = Date.now();
    const authProvider = new KeyProvider({ cacheResults: true, cacheTtl: 60_000, now: () => now });
    const { url } = await startWrapped({ authProvider });
    await whoami(url, 'key-of-alice');
    now += 59_999;
    await whoami(url, 'key-of-alice');
    expect(authProvider.asked).toBe(1);
    now += 1;
    authProvider.expiresAt = Math.floor(now / 1000) + 2;
    await whoami(url, 'key-of-alice');
    expect(authProvider.asked).toBe(2);
    now = authProvider.expiresAt * 1000;
    await whoami(url, 'key-of-alice');
    expect(authProvider.asked).toBe(3);
  });

  it('says no with its own words, and hides those of a failure', async () => {
    const errorMessages = { invalid: 'Ask the help desk for a new key', absent: 'Send X-API-Key' };
    const { url } = await startWrapped({ authProvider: new KeyProvider({ errorMessages }) });
    expect((await whoami(url, 'wrong')).json).toEqual({
      error: 'Ask the help desk for a new key',
      code: 'INVALID_TOKEN',
    });
    const outage = await whoami(url, 'outage');
    expect(outage.status).toBe(503);
    expect(outage.text).not.toContain('10.0.0.7');
    expect((await whoami(url, 'malformed')).status).toBe(401);
    expect((await whoami(url, undefined)).json).toMatchObject({ code: 'MISSING_CREDENTIALS' });
  });
});
