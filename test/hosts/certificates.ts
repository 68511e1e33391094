import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const run = promisify(execFile);

/** A key and the certificate of its own that it signed for this machine, as text and in files. */
export interface TestIdentity {
  readonly cert: string;
  readonly key: string;
  readonly certPath: string;
  readonly keyPath: string;
}

/** Makes an identity with OpenSSL; gone when the test is over. */
export async function createIdentity(newKey: readonly string[] = EC): Promise<TestIdentity> {
  const directory = await mkdtemp(join(tmpdir(), 'identity-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const [certPath, keyPath] = [join(directory, 'server.crt'), join(directory, 'server.key')];
  await run('openssl', [
    ...['req', '-x509', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', keyPath, '-out', certPath],
    ...newKey,
  ]);
  const [cert, key] = await Promise.all([readFile(certPath, 'utf8'), readFile(keyPath, 'utf8')]);
  return { cert, key, certPath, keyPath };
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** The same key, encrypted. */
export async function encrypt({ keyPath }: TestIdentity): Promise<string> {
  const { stdout } = await run('openssl', ['pkey', '-in', keyPath, '-aes256', '-passout', 'pass:example']);
  return stdout;
}
