import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { environment } from '../../src/config/environment.ts';
import { createIdentity } from '../hosts/certificates.ts';
import { findFences } from '../repo/documents.ts';

export interface Nginx {
  readonly origin: string;
  /** The authority of its certificate. */
  readonly ca: string;
}

const PROGRAM = 'nginx';
const GUIDE = new URL('../../docs/guides/hosts.md', import.meta.url);

/** Runs nginx on loopback with the configuration of the guide, in front of a gate that may start later. */
export async function startNginx(port: number, gatePort: number): Promise<Nginx> {
  const identity = await createIdentity();
  const directory = await mkdtemp(join(tmpdir(), 'nginx-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  // Its workers may be somebody else.
  await chmod(directory, 0o755);
  const replacements = {
    'listen 443 ssl': `listen 127.0.0.1:${port} ssl`,
    'server_name mcp.example.com': 'server_name localhost',
    '/etc/nginx/tls/server.crt': identity.certPath,
    '/etc/nginx/tls/server.key': identity.keyPath,
    'http://127.0.0.1:3000': `http://127.0.0.1:${gatePort}`,
  };
  let site = await readSite();
  for (const [from, to] of Object.entries(replacements)) {
    expect(site).toContain(from);
    site = site.replaceAll(from, to);
  }
  const path = join(directory, 'nginx.conf');
  await writeFile(path, mainConfiguration(directory, site));
  const options = ['-p', directory, '-c', path, '-e', 'stderr', '-g', 'daemon off;'];
  // Where distributions put it is not on everybody's path.
  const env = { PATH: `${environment()['PATH']}:/usr/sbin:/usr/local/sbin` };
  const child = spawn(PROGRAM, options, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => stop(child));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', (error) => reject(new Error(`nginx does not start: ${error.message}`)));
    child.once('exit', (code) => reject(new Error(`nginx ended with ${code}: ${said}`)));
  });
  failed.catch(() => undefined);
  await Promise.race([reachable(port), failed]);
  return { origin: `https://localhost:${port}`, ca: identity.cert };
}

async function readSite(): Promise<string> {
  const fence = findFences(await readFile(GUIDE, 'utf8')).find(({ language }) => language === 'nginx');
  if (fence === undefined) throw new Error('The guide shows no configuration of nginx');
  return fence.text;
}

/** What a distribution says in its nginx.conf, within one directory. */
function mainConfiguration(directory: string, site: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(directory, name)};`,
  );
  const http = ['access_log off;', ...temporary, site].join('\n');
  return `worker_processes 1;\npid ${join(directory, 'pid')};\nevents {}\nhttp {\n${http}\n}\n`;
}

async function reachable(port: number): Promise<void> {
  const isOpen = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = createConnection(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  while (!(await isOpen())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}
