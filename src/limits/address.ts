/** The bucket of everything that is no IP address. */
export const UNKNOWN_ADDRESS = 'unknown';

const MAX_ADDRESS_LENGTH = 100;

/** Four decimal octets without leading zeros, as other readings of `010` differ between systems. */
const IPV4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/;

/**
 * Under which key an address is counted, the same for every spelling of it: an IPv4 address itself, an
 * IPv6 address by its /64, as that is what one subscriber owns. IPv4 inside IPv6 (`::ffff:1.2.3.4`,
 * and NAT64's `64:ff9b::/96`) counts as the IPv4 address; zone ids (`%eth0`) do not count. Whatever
 * else comes in is {@link UNKNOWN_ADDRESS}.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4291#section-2.2
 */
export function addressKey(address: string): string {
  if (address.length > MAX_ADDRESS_LENGTH) return UNKNOWN_ADDRESS;
  // How a socket that serves both families spells an IPv4 client.
  const ipv4 = address.startsWith('::ffff:') ? address.slice(7) : address;
  if (IPV4.test(ipv4)) return ipv4;
  const groups = parseIpv6(withoutZone(address));
  if (groups === undefined) return UNKNOWN_ADDRESS;
  const embedded = embeddedIpv4(groups);
  if (embedded !== undefined) return formatIpv4(embedded);
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}

// RFC 4007 §11: the zone id is of this host only and says nothing about the client.
function withoutZone(address: string): string {
  const percent = address.indexOf('%');
  return percent > 0 && percent < address.length - 1 ? address.slice(0, percent) : address;
}

function parseIpv4(text: string): readonly number[] | undefined {
  return IPV4.test(text) ? text.split('.').map(Number) : undefined;
}

function formatIpv4(octets: readonly number[]): string {
  return octets.join('.');
}

function parseIpv6(text: string): readonly number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [left = '', right] = halves;
  const head = parseGroups(left, right === undefined);
  if (head === undefined) return undefined;
  if (right === undefined) return head.length === 8 ? head : undefined;
  const tail = parseGroups(right, true);
  if (tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  // RFC 4291 §2.2: "::" stands for one or more groups of zeros.
  if (missing < 1) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

/** Groups between colons; the last may be an IPv4 address where the text ends the address. */
function parseGroups(text: string, isEnd: boolean): readonly number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const octets = isEnd && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (octets === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = octets;
    groups.push(a * 256 + b, c * 256 + d);
  }
  return groups.length <= 8 ? groups : undefined;
}

function embeddedIpv4(groups: readonly number[]): readonly number[] | undefined {
  const [first, second, third, fourth, fifth, sixth, high = 0, low = 0] = groups;
  const middleIsZero = third === 0 && fourth === 0 && fifth === 0;
  // RFC 4291 §2.5.5.2: ::ffff:0:0/96 is IPv4-mapped.
  const isMapped = first === 0 && second === 0 && middleIsZero && sixth === 0xffff;
  // RFC 6052 §2.1: behind a translator every IPv4 client comes from this one prefix.
  const isTranslated = first === 0x64 && second === 0xff9b && middleIsZero && sixth === 0;
  return isMapped || isTranslated ? [high >> 8, high & 255, low >> 8, low & 255] : undefined;
}
