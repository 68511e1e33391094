import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressKey, UNKNOWN_ADDRESS } from './address.ts';

describe('addressKey', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::ffff', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::1:2:3:4:5', '2001:db8:0:1::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['fe80::1%25', 'fe80:0:0:0::/64'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
    ['::ffff:192.0.2.1%eth0', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '192.0.2.1'],
    ['64:ff9b:0:0:1::1', '64:ff9b:0:0::/64'],
    ['::ffff:0:192.0.2.1', '0:0:0:0::/64'],
    ['2001:db8::192.0.2.1', '2001:db8:0:0::/64'],
  ])('%s counts as %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });

  it.each([
    '',
    'localhost',
    '192.0.2',
    '192.0.2.1.5',
    '192.0.2.256',
    '192.0.2.01',
    '192.0.2.-1',
    '0x7f.0.0.1',
    ' 192.0.2.1',
    '192.0.2.1:8080',
    '192.0.2.1%eth0',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4::5:6:7:8',
    '::1:2:3:4:5:6:7:8',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '12345::',
    'g::1',
    '::192.0.2.1:1',
    '192.0.2.1::',
    '::ffff:192.0.2',
    'fe80::1%',
    '%eth0',
    '[::1]',
    '[::1]:443',
    'a'.repeat(1_000_000),
  ])('%.40s is unknown', (address) => {
    expect(addressKey(address)).toBe(UNKNOWN_ADDRESS);
  });

  it('gives every spelling of one IPv6 address one key, and every other network another', () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), fc.nat(3), (groups, place) => {
        const full = groups.map((value) => value.toString(16).padStart(4, '0').toUpperCase()).join(':');
        const short = groups.map((value) => value.toString(16)).join(':');
        expect(addressKey(short)).toBe(addressKey(full));
        // What `new URL` makes of it is the compressed form of RFC 5952.
        const compressed = new URL(`http://[${full}]`).hostname.slice(1, -1);
        expect(addressKey(compressed)).toBe(addressKey(full));
        const neighbour = groups.with(place, (groups[place] ?? 0) ^ 1);
        expect(addressKey(neighbour.map((value) => value.toString(16)).join(':'))).not.toBe(addressKey(full));
      }),
    );
  });
});
