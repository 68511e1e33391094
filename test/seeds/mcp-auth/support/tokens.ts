import { type JWTPayload, SignJWT } from 'jose';

/** 32 bytes and more, as HS256 asks for. */
export const JWT_SECRET = 'a-secret-for-tests-that-is-long-enough-0123456789';

export interface TokenOptions {
  readonly secret?: string;
  readonly expiresInSeconds?: number;
}

/** A token as a tenant manager makes one: HS256, a subject, an expiry, and whatever else. */
export function signToken(
  subject: string,
  claims: JWTPayload = {},
  options: TokenOptions = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(subject)
    .setIssuedAt(now)
    .setJti(crypto.randomUUID())
    .setExpirationTime(now + (options.expiresInSeconds ?? 600))
    .sign(new TextEncoder().encode(options.secret ?? JWT_SECRET));
}
