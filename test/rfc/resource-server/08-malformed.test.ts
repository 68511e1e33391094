import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startNotes } from '../../support/notes-gate.ts';
import { MODERN, MODES, openPeer, STATEFUL, STATELESS } from '../../support/peers.ts';
import { type HeaderPairs, headersOf, messageOf, raw } from '../../support/wire.ts';

const CALL = { method: 'tools/call', params: { name: 'whoami', arguments: {} } };

const BODIES: Readonly<Record<string, string | Uint8Array>> = {
  'no body': '',
  'a blank': ' ',
  'cut-off JSON': '{"jsonrpc":"2.0","id":1,"method":"tools/call"',
  'two JSON texts': `${JSON.stringify({ jsonrpc: '2.0', id: 1, ...CALL })}{}`,
  'JSON with a comment': '{"jsonrpc":"2.0","id":1,"method":"ping"/**/}',
  'a text in it that is no UTF-8': Buffer.from(
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{"x":"\xff"}}}',
    'latin1',
  ),
  'no UTF-8': Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d),
  'JSON in another encoding': Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, ...CALL }), 'utf16le'),
  'a number': '7',
  'a text': '"tools/call"',
  null: 'null',
  'an empty object': '{}',
  'another version of JSON-RPC': JSON.stringify({ jsonrpc: '1.0', id: 1, ...CALL }),
  'no version of JSON-RPC': JSON.stringify({ id: 1, ...CALL }),
  'no method': '{"jsonrpc":"2.0","id":1,"params":{}}',
  'a method that is no text': '{"jsonrpc":"2.0","id":1,"method":["tools/call"]}',
  'parameters in a list': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["whoami"]}',
  'parameters that are a text': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"whoami"}',
  'an id that is null': JSON.stringify({ jsonrpc: '2.0', id: null, ...CALL }),
  'an id that is an object': JSON.stringify({ jsonrpc: '2.0', id: {}, ...CALL }),
  'an id that is no whole number': JSON.stringify({ jsonrpc: '2.0', id: 1.5, ...CALL }),
  'an id that is true': JSON.stringify({ jsonrpc: '2.0', id: true, ...CALL }),
  'a request that is a response as well': JSON.stringify({ jsonrpc: '2.0', id: 1, ...CALL, result: {} }),
  'an error without a message': '{"jsonrpc":"2.0","id":1,"error":{"code":1}}',
  'a result that is no object': '{"jsonrpc":"2.0","id":1,"result":7}',
  'an empty batch': '[]',
  'a batch in a batch': JSON.stringify([[{ jsonrpc: '2.0', id: 1, ...CALL }]]),
  'a batch with something else in it': JSON.stringify([{ jsonrpc: '2.0', id: 1, ...CALL }, 7]),
  'a batch with one id twice': JSON.stringify([1, 1].map((id) => ({ jsonrpc: '2.0', id, ...CALL }))),
  'a batch without end': JSON.stringify(
    Array.from({ length: 51 }, (_, id) => ({ jsonrpc: '2.0', id, ...CALL })),
  ),
  'nesting without end': `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${'['.repeat(100)}${']'.repeat(100)}}}`,
};

describe.each(MODES)('[resource-server/8] a malformed body ($mode)', (mode) => {
  test.each(Object.entries(BODIES))('is a 400 and runs nothing: %s', async (_name, body) => {
    const notes = await startNotes({ mode });
    const peer = await openPeer(notes, mode, await notes.token());
    const { length } = notes.runs.built;
    const answer = await raw(notes.url, { method: 'POST', headers: peer.headers(CALL), body });
    expect(answer.status).toBe(400);
    expect(answer.json?.['error']?.['code']).toBeTypeOf('number');
    expect(answer.headers).not.toHaveProperty('www-authenticate');
    expect(notes.runs.calls).toEqual([]);
    expect(notes.runs.built).toHaveLength(length);
    expect((await peer.send(CALL)).status).toBe(200);
  });

  test('tells nobody what is wrong with it before they are known', async () => {
    const { url } = await startNotes({ mode });
    for (const body of Object.values(BODIES)) {
      const answer = await raw(url, { method: 'POST', headers: headersOf({ era: mode.era, ...CALL }), body });
      expect([answer.status, answer.json?.['code']]).toEqual([401, 'MISSING_CREDENTIALS']);
    }
  });
});

describe('[resource-server/8] malformed headers are a 400:', () => {
  const send = async (mode: typeof MODERN, change: (headers: HeaderPairs) => HeaderPairs, body?: object) => {
    const notes = await startNotes({ mode });
    const headers = headersOf({ era: mode.era, token: await notes.token(), ...CALL });
    const text = JSON.stringify(body ?? messageOf({ era: mode.era, ...CALL }));
    const answer = await raw(notes.url, { method: 'POST', headers: change(headers), body: text });
    expect(notes.runs.calls).toEqual([]);
    return answer.status;
  };
  const without = (name: string) => (headers: HeaderPairs) => headers.filter(([own]) => own !== name);
  const replaced = (name: string, value: string) => (headers: HeaderPairs) => [
    ...without(name)(headers),
    [name, value] as const,
  ];

  test.each([MODERN, STATELESS])('an unknown protocol version ($mode)', async (mode) => {
    expect(await send(mode, replaced('mcp-protocol-version', '1999-01-01'))).toBe(400);
  });

  test.each(['mcp-method', 'mcp-name'])('%s missing in the newest era', async (name) => {
    expect(await send(MODERN, without(name))).toBe(400);
  });

  test.each([
    ['mcp-method', 'tools/list'],
    ['mcp-name', 'echo'],
    ['mcp-protocol-version', '2025-11-25'],
  ])('%s at odds with the body in the newest era', async (name, value) => {
    expect(await send(MODERN, replaced(name, value))).toBe(400);
  });

  test('the newest version without its envelope', async () => {
    const body = { jsonrpc: '2.0', id: 1, ...CALL };
    expect(await send(MODERN, (headers) => headers, body)).toBe(400);
  });

  test('no session where sessions are kept', async () => {
    expect(await send(STATEFUL, (headers) => headers)).toBe(400);
  });
});

describe('[resource-server/8] what is no HTTP', () => {
  test.each([
    ['a request line of one word', 'HELLO\r\n\r\n'],
    ['a header without a colon', 'POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization Bearer x\r\n\r\n'],
    ['a blank before the colon', 'POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization : Bearer x\r\n\r\n'],
    [
      'two lengths',
      'POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}',
    ],
    [
      'a length and chunks',
      'POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['no host', 'POST /mcp HTTP/1.1\r\n\r\n'],
  ])('is a 400: %s', async (_name, text) => {
    const { origin } = await startNotes();
    expect(await firstLine(origin, text)).toMatch(/^HTTP\/1\.1 400 /);
  });
});

function firstLine(origin: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(origin).port), '127.0.0.1', () => socket.write(text));
    socket.on('error', reject);
    socket.once('data', (data) => {
      resolve(data.toString('latin1').split('\r\n')[0] ?? '');
      socket.destroy();
    });
  });
}
