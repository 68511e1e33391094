import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RequestContext } from '../core/request-context.ts';
import { Secret } from '../core/secret.ts';
import { createHostileIssuer, type HostileBehaviour, type HostileIssuer } from '../testing/hostile-issuer.ts';
import { createRemoteKeySet, type RemoteKeySet, type RemoteKeySetOptions } from './jwks.ts';
import { JWTAuthProvider } from './jwt.ts';

const RESOURCE = 'https://mcp.example.com/mcp';
const UNAVAILABLE = { code: 'AUTHENTICATION_UNAVAILABLE' };
const CLAIMS = { sub: 'alice', aud: RESOURCE };

let issuer: HostileIssuer;
let time: number;
const sets: RemoteKeySet[] = [];

beforeEach(async () => {
  time = Date.now();
  issuer = await createHostileIssuer();
});
afterEach(async () => {
  for (const set of sets.splice(0)) set.close();
  await issuer.close();
});

function createSet(options: Partial<RemoteKeySetOptions> = {}): RemoteKeySet {
  const set = createRemoteKeySet({ url: issuer.jwksUri, now: () => time, ...options });
  sets.push(set);
  return set;
}

async function kidOf(token: Promise<string>): Promise<string> {
  const [header = ''] = (await token).split('.');
  return (JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }).kid;
}

const currentKid = () => kidOf(issuer.sign({}));
const unknown = (n = 0) => ({ alg: 'ES256', kid: `unknown-${n}` });

describe('the key set of an issuer', () => {
  it('is fetched once for many tokens, and its keys are imported once', async () => {
    const set = createSet();
    const hint = { alg: 'ES256', kid: await currentKid() };
    const found = await Promise.all(Array.from({ length: 50 }, () => set.find(hint)));
    expect(found[0]).toHaveLength(1);
    expect(new Set(found.map(([key]) => key?.key)).size).toBe(1);
    expect(issuer.requests.jwks).toBe(1);
    expect(set.generation).toBe(1);
  });

  it('gives keys for the algorithm only', async () => {
    expect(await createSet().find({ alg: 'RS256', kid: await currentKid() })).toEqual([]);
    expect(issuer.requests.jwks).toBe(1);
  });

  it('offers every fitting key to a token without kid, five at most', async () => {
    for (const alg of ['RS256', 'ES384']) await issuer.sign({}, { alg });
    expect(await createSet().find({ alg: 'ES256' })).toHaveLength(1);
    issuer.behaviour = 'duplicate-kids';
    expect(await createSet().find({ alg: 'ES256' })).toHaveLength(4);
    const keys = Array.from({ length: 9 }, () => ({}));
    const [jwk] = ((await (await fetch(issuer.jwksUri)).json()) as { keys: object[] }).keys;
    const many = createSet({ fetch: () => Promise.resolve(Response.json({ keys: keys.map(() => jwk) })) });
    expect(await many.find({ alg: 'ES256' })).toHaveLength(5);
  });

  it('serves no more when the clock was set back, and is fetched at once', async () => {
    const set = createSet();
    const hint = { alg: 'ES256', kid: await currentKid() };
    const [key] = await set.find(hint);
    time -= 86_400_000;
    expect(set.isCurrent(key?.id ?? '')).toBe(false);
    expect(await set.find(hint)).toHaveLength(1);
    expect(issuer.requests.jwks).toBe(2);
  });

  it('is asked for again after a failure and a miss although the clock was set back', async () => {
    const set = createSet();
    issuer.behaviour = 'down';
    await expect(set.find(unknown())).rejects.toMatchObject(UNAVAILABLE);
    time -= 86_400_000;
    issuer.behaviour = 'honest';
    expect(await set.find({ alg: 'ES256', kid: await currentKid() })).toHaveLength(1);
  });

  it('is renewed in the background when it is old, and serves meanwhile', async () => {
    const set = createSet();
    const hint = { alg: 'ES256', kid: await currentKid() };
    await set.find(hint);
    time += 599_999;
    await set.find(hint);
    expect(issuer.requests.jwks).toBe(1);
    time += 1;
    expect(await set.find(hint)).toHaveLength(1);
    expect(set.isCurrent((await set.find(hint))[0]?.id ?? '')).toBe(true);
    await expect.poll(() => set.generation).toBe(2);
    expect(issuer.requests.jwks).toBe(2);
  });
});

describe('a kid nobody has heard of', () => {
  it('is asked after once in thirty seconds, however many tokens name one', async () => {
    const set = createSet();
    await set.find({ alg: 'ES256', kid: await currentKid() });
    await Promise.all(Array.from({ length: 50 }, (_, n) => set.find(unknown(n))));
    for (let n = 0; n < 50; n += 1) expect(await set.find(unknown(n))).toEqual([]);
    expect(issuer.requests.jwks).toBe(2);
    time += 30_000;
    await Promise.all(Array.from({ length: 50 }, (_, n) => set.find(unknown(n))));
    expect(issuer.requests.jwks).toBe(3);
  });

  it('is not asked after twice when the set was fetched for it just now', async () => {
    expect(await createSet().find(unknown())).toEqual([]);
    expect(issuer.requests.jwks).toBe(1);
  });

  it('leads to a new key at once', async () => {
    const set = createSet();
    await set.find({ alg: 'ES256', kid: await currentKid() });
    const kid = await kidOf(issuer.sign({}, { alg: 'ES384' }));
    expect(await set.find({ alg: 'ES384', kid })).toHaveLength(1);
    expect(issuer.requests.jwks).toBe(2);
  });

  it('cannot be judged while the issuer is down, whereas known keys serve on', async () => {
    const set = createSet();
    const hint = { alg: 'ES256', kid: await currentKid() };
    await set.find(hint);
    issuer.behaviour = 'down';
    for (let n = 0; n < 20; n += 1) await expect(set.find(unknown(n))).rejects.toMatchObject(UNAVAILABLE);
    expect(issuer.requests.jwks).toBe(2);
    expect(await set.find(hint)).toHaveLength(1);
  });
});

describe('an issuer that is down', () => {
  it('is asked again after 1, 2, 4 … 60 seconds, not for each token', async () => {
    issuer.behaviour = 'down';
    const set = createSet();
    const waits = [0, 1, 2, 4, 8, 16, 32, 60, 60];
    for (const [attempt, seconds] of waits.entries()) {
      if (seconds > 0) {
        time += seconds * 1000 - 1;
        await expect(set.find(unknown())).rejects.toMatchObject(UNAVAILABLE);
        expect(issuer.requests.jwks).toBe(attempt);
        time += 1;
      }
      await Promise.all(
        Array.from({ length: 20 }, () => expect(set.find(unknown())).rejects.toMatchObject(UNAVAILABLE)),
      );
      expect(issuer.requests.jwks).toBe(attempt + 1);
    }
  });

  it('is believed again as soon as it is back', async () => {
    issuer.behaviour = 'error';
    const set = createSet();
    const hint = { alg: 'ES256', kid: await currentKid() };
    await expect(set.find(hint)).rejects.toMatchObject(UNAVAILABLE);
    issuer.behaviour = 'honest';
    time += 1_000;
    expect(await set.find(hint)).toHaveLength(1);
    issuer.behaviour = 'down';
    time += 600_000;
    await set.find(hint);
    await expect.poll(() => issuer.requests.jwks).toBe(3);
    time += 1_000;
    await set.find(hint);
    await expect.poll(() => issuer.requests.jwks).toBe(4);
  });

  it('is covered by the last set for one hour', async () => {
    const set = createSet();
    const hint = { alg: 'ES256', kid: await currentKid() };
    const [key] = await set.find(hint);
    issuer.behaviour = 'down';
    time += 3_599_999;
    expect(await set.find(hint)).toHaveLength(1);
    expect(set.isCurrent(key?.id ?? '')).toBe(true);
    await expect.poll(() => issuer.requests.jwks).toBe(2);
    time += 60_001;
    expect(set.isCurrent(key?.id ?? '')).toBe(false);
    await expect(set.find(hint)).rejects.toMatchObject(UNAVAILABLE);
  });
});

describe('a hostile answer', () => {
  const refused: readonly HostileBehaviour[] = [
    'down',
    'error',
    'not-json',
    'not-a-key-set',
    'redirect',
    'too-many-keys',
    'huge',
  ];

  it.each(refused)('(%s) is no key set', async (behaviour) => {
    issuer.behaviour = behaviour;
    const set = createSet();
    await expect(set.find({ alg: 'ES256', kid: await currentKid() })).rejects.toMatchObject(UNAVAILABLE);
    expect(issuer.redirectsFollowed).toBe(0);
  });

  it.each<HostileBehaviour>(['silent', 'slow'])('(%s) is given up in time', async (behaviour) => {
    issuer.behaviour = behaviour;
    const set = createSet({ timeoutMs: 100 });
    await expect(set.find(unknown())).rejects.toMatchObject({
      ...UNAVAILABLE,
      detail: 'no answer within 100 ms',
    });
  });

  it('is given up in time by a fetch that listens to no signal', async () => {
    const set = createSet({ timeoutMs: 50, fetch: () => new Promise(() => undefined) });
    await expect(set.find(unknown())).rejects.toMatchObject(UNAVAILABLE);
  });

  it('is read no further than the limit, whatever length it claims', async () => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 1024;
        controller.enqueue(new Uint8Array(1024).fill(32));
      },
    });
    const set = createSet({ maxBytes: 4096, fetch: () => Promise.resolve(new Response(body)) });
    await expect(set.find(unknown())).rejects.toMatchObject({
      detail: 'the document is larger than 4096 bytes',
    });
    expect(sent).toBeLessThan(8 * 1024);
  });

  it('(no-keys) holds no key', async () => {
    issuer.behaviour = 'no-keys';
    expect(await createSet().find({ alg: 'ES256', kid: await currentKid() })).toEqual([]);
  });

  it.each<HostileBehaviour>(['symmetric-keys', 'private-keys', 'encryption-keys', 'mismatched-alg'])(
    '(%s) holds no usable key',
    async (behaviour) => {
      issuer.behaviour = behaviour;
      const set = createSet();
      for (const alg of ['ES256', 'ES384', 'HS256']) expect(await set.find({ alg })).toEqual([]);
    },
  );

  it('(broken-keys) does not spoil the sound ones', async () => {
    issuer.behaviour = 'broken-keys';
    expect(await createSet().find({ alg: 'ES256', kid: await currentKid() })).toHaveLength(1);
  });
});

describe('[mcp-auth/providers.jwt] a provider with such an issuer', () => {
  const ask = async (provider: JWTAuthProvider, token: string) => {
    const credential = { kind: 'bearer', token: new Secret(token) } as const;
    const context: RequestContext = {
      transport: 'http',
      timestamp: new Date(),
      credential,
      resource: RESOURCE,
    };
    return provider.authenticate(context);
  };

  it('finds the right key among several of one name', async () => {
    issuer.behaviour = 'duplicate-kids';
    const provider = new JWTAuthProvider({ issuer: issuer.issuer, jwksUri: issuer.jwksUri });
    expect((await ask(provider, await issuer.sign(CLAIMS))).authenticated).toBe(true);
  });

  it('takes a symmetric key from nowhere', async () => {
    issuer.behaviour = 'symmetric-keys';
    const provider = new JWTAuthProvider({ issuer: issuer.issuer, jwksUri: issuer.jwksUri });
    expect(await ask(provider, await issuer.signSymmetric(CLAIMS))).toMatchObject({ reason: 'invalid' });
  });

  it('answers unavailable while there are no keys, and invalid to a key that does not exist', async () => {
    const provider = new JWTAuthProvider({ issuer: issuer.issuer, jwksUri: issuer.jwksUri, now: () => time });
    issuer.behaviour = 'down';
    expect(await ask(provider, await issuer.sign(CLAIMS))).toEqual({
      authenticated: false,
      reason: 'unavailable',
      error: 'Authentication is not available at the moment',
    });
    issuer.behaviour = 'honest';
    time += 1_000;
    expect(await ask(provider, await issuer.sign(CLAIMS, { kid: 'made-up' }))).toMatchObject({
      reason: 'invalid',
    });
    expect((await ask(provider, await issuer.sign(CLAIMS, { kid: null }))).authenticated).toBe(true);
  });

  it('leaves no rejection unhandled when a renewal fails in the background', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const set = createSet();
    const hint = { alg: 'ES256', kid: await currentKid() };
    await set.find(hint);
    issuer.behaviour = 'down';
    time += 600_000;
    await set.find(hint);
    await expect.poll(() => issuer.requests.jwks).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('ends what is under way when it is closed', async () => {
    const set = createSet();
    const pending = set.find(unknown());
    set.close();
    await expect(pending).rejects.toMatchObject(UNAVAILABLE);
    await expect(set.warm()).rejects.toMatchObject(UNAVAILABLE);
  });
});
