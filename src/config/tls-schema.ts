import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { isReference, UNRESOLVED } from './auth-schema.ts';
import { checkedText, strict } from './zod-parts.ts';

/** The certificate and key of the listener, as text: in a file by `${file:PATH}`. */
export const tls = strict(
  {
    cert: checkedText(findCertificateProblem, 'PEM certificate, then those that lead to its authority.'),
    key: checkedText(findKeyProblem, 'PEM private key of the certificate, not encrypted.'),
  },
  { later: ['clientCa'] },
).check((context) => {
  const message = findPairProblem(context.value);
  if (message !== undefined)
    context.issues.push({ code: 'custom', message, path: ['key'], input: undefined });
});

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const NOT_A_PATH = 'not the path of its file (in a configuration file, write `${file:PATH}`)';

function findCertificateProblem(value: string): string | undefined {
  if (isReference(value)) return UNRESOLVED;
  if (value.includes('PRIVATE KEY-----')) return 'holds a private key, which belongs in `key`';
  const blocks = value.match(BLOCK) ?? [];
  if (blocks.length === 0) return `must be a PEM certificate, ${NOT_A_PATH}`;
  const index = blocks.findIndex((block) => findCertificate(block) === undefined);
  return index === -1 ? undefined : `holds a certificate that cannot be read (number ${index + 1})`;
}

function findKeyProblem(value: string): string | undefined {
  if (isReference(value)) return UNRESOLVED;
  if (!value.includes('PRIVATE KEY-----')) return `must be a PEM private key, ${NOT_A_PATH}`;
  if (value.includes('ENCRYPTED')) return 'is encrypted: decrypt it, for example with openssl pkey';
  return findKey(value) === undefined ? 'holds a private key that cannot be read' : undefined;
}

/** What neither of the two shows by itself; undefined as well when one of them is not sound. */
function findPairProblem({ cert, key }: { readonly cert: string; readonly key: string }): string | undefined {
  const certificate = findCertificate(cert);
  const privateKey = findKey(key);
  if (certificate === undefined || privateKey === undefined) return undefined;
  if (!certificate.checkPrivateKey(privateKey)) return 'is not the key of the first certificate in `cert`';
  try {
    createSecureContext({ cert, key, minVersion: 'TLSv1.2' });
    return undefined;
  } catch {
    return 'and `cert` cannot be used for TLS: the key may be too small, or of a kind that TLS does not know';
  }
}

function findCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function findKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
