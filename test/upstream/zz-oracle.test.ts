import { connect } from 'node:net';
import { test } from 'vitest';
import { startGate } from '../support/gate-harness.ts';
import { NOTES_RULES } from '../support/notes.ts';
import { notesFactory } from '../support/notes-server.ts';
import { notesFactoryV1 } from '../support/notes-server-v1.ts';
import { headersOf, INITIALIZE, messageOf, rpc } from '../support/wire.ts';
import { fixture } from './processes.ts';

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
function bytes(url: string, call: any): Promise<string> {
  const u = new URL(url);
  const body = JSON.stringify(messageOf(call));
  const head = [`POST ${u.pathname} HTTP/1.1`, `host: ${u.host}`, 'connection: close', `content-length: ${Buffer.byteLength(body)}`, ...headersOf(call).map(([k, v]) => `${k}: ${v}`)];
  return new Promise((resolve) => {
    const s = connect(Number(u.port), u.hostname);
    let out = '';
    s.on('data', (d) => (out += d.toString('latin1')));
    s.on('error', () => undefined);
    s.on('close', () => resolve(out));
    s.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
}
const norm = (t: string, name: string) =>
  t.split(name).join('NAME').replace(/date: .*\r\n/i, '').replace(/x-request-id: .*\r\n/i, '').replace(/mcp-session-id: .*\r\n/i, '');

const WAYS: [string, any][] = [
  ['v2 fresh', { factory: notesFactory() }],
  ['v2 pooled', { factory: notesFactory(), instances: { mode: 'pooled' } }],
  ['v1 fresh', { factory: notesFactoryV1() }],
  ['v1 pooled', { factory: notesFactoryV1(), instances: { mode: 'pooled' } }],
  ['cmd v1', { command: [process.execPath, fixture('zz-notes.mjs'), root, 'v1'], startTimeoutMs: 30000 }],
  ['cmd v2', { command: [process.execPath, fixture('zz-notes.mjs'), root, 'v2'], startTimeoutMs: 30000 }],
];
const PAIRS: [string, (n: string) => object, string, string][] = [
  ['tools/call', (name) => ({ name, arguments: {} }), 'purge', 'nurge'],
  ['prompts/get', (name) => ({ name, arguments: { who: 'x' } }), 'confidential', 'lonfidential'],
  ['resources/read', (uri) => ({ uri }), 'notes://secret/1', 'notes://zecret/1'],
  ['resources/subscribe', (uri) => ({ uri }), 'notes://secret/1', 'notes://zecret/1'],
  ['completion/complete', (name) => ({ ref: { type: 'ref/prompt', name }, argument: { name: 'who', value: '' } }), 'confidential', 'lonfidential'],
  ['completion/complete', (uri) => ({ ref: { type: 'ref/resource', uri }, argument: { name: 'id', value: '' } }), 'notes://secret/{id}', 'notes://zecret/{id}'],
];
for (const [way, server] of WAYS)
  for (const mode of ['stateless', 'stateful'])
    test(`${way} ${mode}`, { timeout: 60000 }, async () => {
      const h = await startGate({
        servers: { notes: { ...server, sessions: { mode } } },
        authorization: NOTES_RULES,
      });
      const token = await h.token();
      for (const era of ['2025-11-25', '2026-07-28'] as const) {
        let headers: any = [];
        if (era === '2025-11-25' && mode === 'stateful') {
          const o = await rpc(h.url, { era, token, method: 'initialize', params: INITIALIZE as never });
          headers = [['mcp-session-id', String(o.headers['mcp-session-id'])]];
        }
        for (const [method, params, hidden, unknown] of PAIRS) {
          const one = async (n: string, id: number) => norm(await bytes(h.url, { era, token, method, params: params(n), headers, id }), n);
          await one(unknown, 5);
          const [a, b] = [await one(hidden, 5), await one(unknown, 5)];
          if (a !== b) console.log('DIFF', way, mode, era, method, '\nHIDDEN', JSON.stringify(a), '\nUNKNOWN', JSON.stringify(b));
          else console.log('same', way, mode, era, method, a.slice(-110).replace(/\s+/g, ' '));
        }
      }
    });
