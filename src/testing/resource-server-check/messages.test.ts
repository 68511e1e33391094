import { describe, expect, it } from 'vitest';
import { readEvents, readMessages, toBody, toHeaders, toHeaderText } from './messages.ts';

describe('the wire shapes of both eras', () => {
  const call = { id: 1, method: 'tools/call', params: { name: 'größe', arguments: {} } };

  it('wraps a call of the 2026-07-28 era in its envelope and mirrors it in headers', () => {
    expect(toBody('2026-07-28', call)).toMatchObject({
      jsonrpc: '2.0',
      id: 1,
      params: { name: 'größe', _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
    });
    expect(Object.fromEntries(toHeaders('2026-07-28', call, undefined))).toMatchObject({
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': 'tools/call',
      'Mcp-Name': '=?base64?Z3LDtsOfZQ==?=',
    });
  });

  it('names the session and the negotiated version in the 2025-11-25 era', () => {
    const session = { id: 'abc', version: '2025-06-18' };
    expect(Object.fromEntries(toHeaders('2025-11-25', call, session))).toMatchObject({
      'MCP-Protocol-Version': '2025-06-18',
      'Mcp-Session-Id': 'abc',
    });
    expect(toHeaders('2025-11-25', { method: 'initialize' }, undefined)).toHaveLength(2);
    expect(toBody('2025-11-25', { method: 'ping' })).toEqual({ jsonrpc: '2.0', method: 'ping' });
  });

  it.each([
    ['us-west1', 'us-west1'],
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
  ])('writes the header value of %j', (value, expected) => {
    expect(toHeaderText(value)).toBe(expected);
  });

  it('reads the complete events of a stream', () => {
    const body =
      ': hello\r\n\r\nid: 7\r\ndata: a\r\ndata:b\r\n\r\nevent: message\ndata: {"x":1}\n\ndata: not yet';
    expect(readEvents(body)).toEqual(['a\nb', '{"x":1}']);
  });

  it('reads messages from JSON, from a batch and from a stream, and skips what is none', () => {
    const json = (body: string): unknown => readMessages({ headers: [], body });
    expect(json('{"id":1,"result":{}}')).toEqual([{ id: 1, result: {} }]);
    expect(json('[{"id":1},7,{"id":2,"result":"no object"}]')).toEqual([{ id: 1 }]);
    expect(json('<html>')).toEqual([]);
    const headers = [['Content-Type', 'text/event-stream; charset=utf-8']] as const;
    expect(readMessages({ headers, body: 'data: {"id":3}\n\n' })).toEqual([{ id: 3 }]);
  });
});
