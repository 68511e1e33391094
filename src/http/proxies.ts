import { BlockList, isIP } from 'node:net';
import type { InboundRequest } from './inbound-request.ts';

/** Knows which peers may speak for others. */
export interface TrustedProxies {
  /** The client's address: the nearest hop that is not a trusted proxy. */
  clientAddress(request: InboundRequest): string | undefined;
}

/** Addresses and CIDR ranges, as checked by the configuration. Without any, forwarded headers mean nothing. */
export function createTrustedProxies(ranges: readonly string[]): TrustedProxies {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  const isTrusted = (address: string): boolean => {
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };

  return {
    clientAddress(request) {
      const peer = plain(request.info.remoteAddress);
      if (peer === undefined || ranges.length === 0 || !isTrusted(peer)) return peer;
      const forwarded = request.headers['x-forwarded-for'];
      if (forwarded === undefined) return peer;
      // Several fields are one list (RFC 9110 §5.3): what a client wrote in one of its own hides nothing.
      const hops = [forwarded]
        .flat()
        .join(',')
        .split(',')
        .map((hop) => plain(hop.trim()) ?? '');
      // From the right: each trusted proxy vouches for the hop before it, nobody for what clients wrote.
      for (const hop of hops.reverse()) {
        if (isIP(hop) === 0) return peer;
        if (!isTrusted(hop)) return hop;
      }
      return peer;
    },
  };
}

function plain(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/i, '');
}
