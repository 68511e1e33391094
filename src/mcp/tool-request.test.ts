import { describe, expect, it } from 'vitest';
import { SignalPresence } from '../http/client-presence.ts';
import type { InboundRequest } from '../http/inbound-request.ts';
import { toToolRequest } from './tool-request.ts';

const RESOURCE = 'https://mcp.example.com/mcp';

function inbound(headers: InboundRequest['headers'] = {}): InboundRequest {
  const presence = new SignalPresence(new AbortController().signal);
  return { method: 'POST', path: '/mcp', query: '', headers, info: {}, presence, body: () => null };
}

describe('toToolRequest', () => {
  it('shows the canonical URL and the headers that tools may see, no credential', () => {
    const request = toToolRequest(
      inbound({
        authorization: 'Bearer secret',
        cookie: 'a=b',
        accept: ['text/event-stream', 'application/json'],
        'mcp-method': 'tools/call',
        'mcp-param-region': 'eu',
        'x-mine': 'mine',
        'x-other': 'other',
      }),
      RESOURCE,
      ['x-mine'],
    );
    expect([request.method, request.url]).toEqual(['POST', RESOURCE]);
    expect([...request.headers]).toEqual([
      ['accept', 'text/event-stream, application/json'],
      ['mcp-method', 'tools/call'],
      ['mcp-param-region', 'eu'],
      ['x-mine', 'mine'],
    ]);
    expect(request.headers.get('Mcp-Method')).toBe('tools/call');
    expect([request.headers.get('authorization'), request.headers.has('cookie')]).toEqual([null, false]);
  });

  it('passes for a web Request wherever one is asked for', async () => {
    const original = inbound({ accept: 'application/json' });
    const request = toToolRequest(original, RESOURCE, []);
    expect(request instanceof Request && request.headers instanceof Headers).toBe(true);
    expect(request.signal).toBe(original.presence.signal);
    expect([request.body, request.bodyUsed, request.redirect]).toEqual([null, false, 'follow']);
    expect(await request.text()).toBe('');
    const copy = request.clone();
    expect([copy.method, copy.url, copy.headers.get('accept')]).toEqual([
      'POST',
      RESOURCE,
      'application/json',
    ]);
    expect(new Headers(request.headers).get('accept')).toBe('application/json');
    expect(Object.prototype.toString.call(request)).toBe('[object Request]');
  });

  it('keeps what is changed in its headers', () => {
    const { headers } = toToolRequest(inbound({ accept: 'application/json' }), RESOURCE, []);
    headers.set('x-added', '1');
    headers.delete('accept');
    expect([headers.get('x-added'), headers.get('accept')]).toEqual(['1', null]);
  });
});
