import { randomUUID } from 'node:crypto';
import { CompactSign, exportJWK, exportSPKI, generateKeyPair, type JWK } from 'jose';

/** A random key pair of an issuer, made when the process starts and gone when it ends. */
export interface SigningKey {
  readonly alg: string;
  readonly kid: string;
  readonly publicJwk: JWK;
  readonly publicPem: string;
  /** Signs any JSON under any header, sound or not. */
  sign(payload: unknown, header: Readonly<Record<string, unknown>>): Promise<string>;
}

export async function createSigningKey(alg: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const kid = randomUUID();
  const publicJwk = { ...(await exportJWK(publicKey)), alg, kid, use: 'sig' };
  return {
    alg,
    kid,
    publicJwk,
    publicPem: await exportSPKI(publicKey),
    sign: (payload, header) => {
      const names: readonly unknown[] = Array.isArray(header.crit) ? header.crit : [];
      const crit: Record<string, boolean> = Object.fromEntries(names.map((name) => [String(name), true]));
      return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
        .setProtectedHeader({ ...header, alg })
        .sign(privateKey, { crit });
    },
  };
}

/** The keys of one issuer: the current one for each algorithm, and those still published. */
export class KeyRing {
  readonly #current = new Map<string, Promise<SigningKey>>();
  #published: SigningKey[] = [];

  /** The key of an algorithm, made and published on first use. */
  current(alg: string): Promise<SigningKey> {
    let key = this.#current.get(alg);
    if (key === undefined) {
      key = createSigningKey(alg).then((made) => {
        this.#published.push(made);
        return made;
      });
      this.#current.set(alg, key);
    }
    return key;
  }

  published(): readonly JWK[] {
    return this.#published.map((key) => key.publicJwk);
  }

  /** New keys for every algorithm in use; the old ones are withdrawn unless `keepOld`. */
  async rotate(keepOld: boolean): Promise<void> {
    const algorithms = [...this.#current.keys()];
    await Promise.all(this.#current.values());
    this.#current.clear();
    if (!keepOld) this.#published = [];
    await Promise.all(algorithms.map((alg) => this.current(alg)));
  }
}
