import { describe, expect, it } from 'vitest';
import { fromWebRequest } from './inbound-request.ts';
import { createTrustedProxies } from './proxies.ts';

function addressOf(trusted: readonly string[], remoteAddress: string, forwarded?: string | string[]) {
  const base = fromWebRequest(new Request('http://localhost/'));
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return createTrustedProxies(trusted).clientAddress({ ...base, headers, info: { remoteAddress } });
}

describe('clientAddress', () => {
  it('ignores forwarded addresses without a trusted proxy', () => {
    expect(addressOf([], '203.0.113.7', '198.51.100.1')).toBe('203.0.113.7');
    expect(addressOf(['10.0.0.0/8'], '203.0.113.7', '198.51.100.1')).toBe('203.0.113.7');
  });

  it('takes the nearest hop that is not trusted, not what the client wrote in front', () => {
    expect(addressOf(['10.0.0.0/8'], '10.0.0.1', '1.1.1.1, 198.51.100.1, 10.0.0.2')).toBe('198.51.100.1');
  });

  it('reads several fields as one list, so that a field of the client hides nothing', () => {
    expect(addressOf(['10.0.0.0/8'], '10.0.0.1', ['1.1.1.1', '2.2.2.2'])).toBe('2.2.2.2');
    expect(addressOf(['10.0.0.0/8'], '10.0.0.1', ['unknown', '2.2.2.2, 10.0.0.9'])).toBe('2.2.2.2');
  });

  it('knows mapped and IPv6 addresses', () => {
    expect(addressOf(['10.0.0.1'], '::ffff:10.0.0.1', '2001:db8::1')).toBe('2001:db8::1');
    expect(addressOf(['fd00::/8'], 'fd00::1', '198.51.100.1')).toBe('198.51.100.1');
  });

  it('falls back to the peer when the header is unusable', () => {
    expect(addressOf(['10.0.0.1'], '10.0.0.1', 'unknown')).toBe('10.0.0.1');
    expect(addressOf(['10.0.0.1'], '10.0.0.1')).toBe('10.0.0.1');
  });
});
