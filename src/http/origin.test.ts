import { describe, expect, it } from 'vitest';
import { fromWebRequest, type InboundRequest } from './inbound-request.ts';
import { checkOrigin, createOriginRules } from './origin.ts';

const RULES = createOriginRules({
  publicUrl: 'https://mcp.example.com',
  allowedHosts: ['Alias.example.com'],
  allowedOrigins: ['https://app.example.com'],
});

function codeOf(headers: Record<string, string | string[]>, localAddress = '10.0.0.5'): string | undefined {
  const base = fromWebRequest(new Request('http://mcp.example.com/'));
  const request: InboundRequest = { ...base, headers, info: { localAddress } };
  return checkOrigin(request, RULES)?.code;
}

describe('checkOrigin', () => {
  it.each([
    ['mcp.example.com'],
    ['mcp.example.com:8443'],
    ['MCP.EXAMPLE.COM'],
    ['alias.example.com'],
    ['localhost:3000'],
    ['127.0.0.1:3000'],
    ['[::1]:3000'],
    ['10.0.0.5:3000'],
  ])('serves %s', (host) => {
    expect(codeOf({ host })).toBeUndefined();
  });

  it.each([
    ['evil.example.com'],
    ['mcp.example.com.evil.com'],
    ['mcp.example.com@evil.com'],
    ['evil.com#mcp.example.com'],
    ['mcp.example.com/x'],
    ['10.0.0.6'],
    ['2130706433.evil.com'],
    [''],
    ['a b'],
  ])('refuses the host %j', (host) => {
    expect(codeOf({ host })).toBe('HOST_NOT_ALLOWED');
  });

  it('refuses a host that is missing or sent twice', () => {
    expect(codeOf({})).toBe('HOST_NOT_ALLOWED');
    expect(codeOf({ host: ['mcp.example.com', 'mcp.example.com'] })).toBe('HOST_NOT_ALLOWED');
  });

  it.each([
    ['https://app.example.com', undefined],
    ['https://mcp.example.com', undefined],
    ['https://app.example.com.evil.com', 'ORIGIN_NOT_ALLOWED'],
    ['http://app.example.com', 'ORIGIN_NOT_ALLOWED'],
    ['https://app.example.com:444', 'ORIGIN_NOT_ALLOWED'],
    ['null', 'ORIGIN_NOT_ALLOWED'],
    ['', 'ORIGIN_NOT_ALLOWED'],
  ])('answers the origin %j with %s', (origin, code) => {
    expect(codeOf({ host: 'mcp.example.com', origin })).toBe(code);
  });
});
