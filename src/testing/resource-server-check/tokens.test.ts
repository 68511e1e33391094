import { importJWK, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  createRogueIssuer,
  findAudiences,
  findExpiry,
  findJwt,
  findScopes,
  tamper,
  unsignedCopies,
  withClaims,
} from './tokens.ts';

const SECRET = new TextEncoder().encode('a secret of thirty-two characters');

function issue(claims: Readonly<Record<string, unknown>>): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256', kid: 'k', typ: 'at+jwt' })
    .sign(SECRET);
}

describe('what is made of a token', () => {
  it('reads a JWT without trusting it', async () => {
    const token = await issue({ exp: 17, scope: 'a b', aud: ['x', 'y'] });
    expect(findExpiry(token)).toBe(17);
    expect(findScopes(token)).toEqual(['a', 'b']);
    expect(findAudiences(token)).toEqual(['x', 'y']);
    expect(findScopes(await issue({ scp: ['a', 1] }))).toEqual(['a']);
    expect(findAudiences(await issue({ aud: 'x' }))).toEqual(['x']);
  });

  it.each(['opaque', 'a.b', 'a.b.c', 'e30.W10.x', 'e30.e30.x.y', ''])('takes %j for opaque', (token) => {
    expect(findJwt(token)).toBeUndefined();
    expect(findExpiry(token)).toBeUndefined();
    expect(unsignedCopies(token)).toEqual([]);
    expect(withClaims(token, {})).toBeUndefined();
  });

  it('turns one bit of the signature and nothing else', async () => {
    const token = await issue({ sub: 'a' });
    const [before, after] = [token, tamper(token)].map((one) => one.split('.'));
    expect(after?.slice(0, 2)).toEqual(before?.slice(0, 2));
    const [left, right] = [before, after].map((parts) => Buffer.from(parts?.[2] ?? '', 'base64url'));
    const turned = [...(left ?? [])].filter((byte, index) => byte !== right?.[index]);
    expect({ turned: turned.length, length: right?.length }).toEqual({ turned: 1, length: 32 });
    await expect(jwtVerify(tamper(token), SECRET)).rejects.toThrow('signature verification failed');
    expect(tamper('opaque')).toBe('opaAue');
    expect(tamper('A')).toBe('B');
  });

  it('leaves the signature out in every spelling of none', async () => {
    const token = await issue({ sub: 'a' });
    const copies = unsignedCopies(token).map((copy) => findJwt(copy));
    expect(copies.map((copy) => copy?.header.alg)).toEqual(['none', 'None', 'nOnE', 'NONE', 'none']);
    expect(copies.map((copy) => copy?.parts[2] === '')).toEqual([true, true, true, true, false]);
    for (const copy of copies) expect(copy?.claims).toEqual({ sub: 'a' });
  });

  it('changes claims under the old signature', async () => {
    const token = await issue({ sub: 'a', scope: 'x' });
    const changed = withClaims(token, { sub: 'b' }) ?? '';
    expect(findJwt(changed)?.claims).toEqual({ sub: 'b', scope: 'x' });
    expect(changed.split('.')[2]).toBe(token.split('.')[2]);
  });

  it('signs tokens of its own that are good but for their issuer', async () => {
    const token = await issue({ iss: 'https://good.example', aud: 'us', sub: 'alice', scope: 'a', exp: 1 });
    const rogue = createRogueIssuer(token, 'us');
    const key = await importJWK(rogue.publicJwk, 'ES256');
    const { payload, protectedHeader } = await jwtVerify(rogue.sign({}, { kid: 'k' }), key);
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: 'k' });
    expect(payload).toMatchObject({ iss: 'https://good.example', aud: 'us', sub: 'alice', scope: 'a' });
    const own = await jwtVerify(createRogueIssuer(undefined, 'us').sign({ iss: 'x' }), key).catch(
      () => 'other key',
    );
    expect(own).toBe('other key');
  });
});
