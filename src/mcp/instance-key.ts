import { fingerprintInputs } from './build-inputs.ts';
import { type ClientFacts, fingerprintClient } from './client-facts.ts';
import type { FrontRequest } from './fronts.ts';

/** Holds whatever the factory was told, so that a server is only handed out where it would be built again. */
export function instanceKey(
  { upstreamToken, userId, extras, client }: FrontRequest & { readonly client?: ClientFacts | undefined },
  resourceType: string,
): string {
  return JSON.stringify([
    extras.principal.key,
    resourceType,
    userId,
    upstreamToken.fingerprint(),
    fingerprintInputs(extras),
    // A server of SDK v2 is bound to the era of its client, and the 2025 era has no client.
    client !== undefined,
    fingerprintClient(client),
  ]);
}

/** Of a list as JSON that begins with the key of a principal: whose instances these are. */
export function ownerOf(key: string): string {
  const [owner] = JSON.parse(key) as readonly string[];
  return owner ?? '';
}
