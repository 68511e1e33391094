import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../src/config/from-file.ts';
import { findFences } from '../repo/documents.ts';
import { createIdentity } from './certificates.ts';

const GUIDE = await readFile(new URL('../../docs/guides/hosts.md', import.meta.url), 'utf8');
const CONFIGURATIONS = findFences(GUIDE).filter(({ language }) => language === 'yaml');

describe('the guide', () => {
  test('shows configurations', () => {
    expect(CONFIGURATIONS.length).toBe(2);
  });

  test.each(CONFIGURATIONS)('shows one on line $line that a gate takes', async ({ text }) => {
    const directory = await mkdtemp(join(tmpdir(), 'guide-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const { certPath, keyPath } = await createIdentity();
    const path = join(directory, 'gatehouse.config.yaml');
    await writeFile(
      path,
      text.replace('/etc/gatehouse/server.crt', certPath).replace('/etc/gatehouse/server.key', keyPath),
    );
    expect(await loadConfig(path)).toMatchObject({ version: 1 });
  });
});
