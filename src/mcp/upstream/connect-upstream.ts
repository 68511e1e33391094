import { MCPAuthError, ServerUnavailableError, TransportError } from '../../core/errors.ts';
import type { ClientFacts } from '../client-facts.ts';
import { connectInner, type InnerLink } from '../inner-link.ts';
import type { HearChange } from '../link-contract.ts';
import { RpcError } from '../rpc-error.ts';
import { isObject } from '../server-product.ts';
import type { UpstreamProduct } from './upstream-product.ts';

/**
 * Connects a server that does not live in this process, and initializes it.
 *
 * @throws ServerUnavailableError (SERVER_UNAVAILABLE) when it cannot be had at the moment, TransportError
 *   (TRANSPORT_ERROR) when it speaks no MCP that is known here, and what {@link UpstreamProduct.failure} says
 */
export async function connectUpstream(
  product: UpstreamProduct,
  options: {
    readonly startTimeoutMs: number;
    readonly client?: ClientFacts | undefined;
    readonly onUnheardChange?: HearChange | undefined;
    readonly onError: (error: unknown) => void;
  },
): Promise<InnerLink> {
  try {
    return await connectInner(product, {
      initializeTimeoutMs: options.startTimeoutMs,
      capabilities: options.client?.capabilities,
      clientInfo: options.client?.info,
      onUnheardChange: options.onUnheardChange,
      onError: options.onError,
    });
  } catch (error) {
    throw product.failure ?? toUnavailable(error);
  }
}

function toUnavailable(error: unknown): MCPAuthError {
  if (error instanceof TransportError && error.message === 'The server did not start in time') {
    return new ServerUnavailableError(error.message, { cause: error });
  }
  const versions = findSupportedVersions(error instanceof Error ? error.cause : undefined);
  if (versions !== undefined) {
    return new TransportError(
      `The server speaks MCP ${versions} only; behind the gate it must speak 2025-11-25 or an earlier version`,
    );
  }
  return error instanceof MCPAuthError ? error : new TransportError('The server could not be started');
}

const UNSUPPORTED_VERSION = -32022;

/** What a server of the 2026 era that has no `initialize` says that it speaks. */
function findSupportedVersions(cause: unknown): string | undefined {
  if (!(cause instanceof RpcError) || cause.code !== UNSUPPORTED_VERSION || !isObject(cause.data))
    return undefined;
  const { supported } = cause.data;
  const versions: readonly unknown[] = Array.isArray(supported) ? supported.slice(0, 5) : [];
  const known = versions.filter(
    (version) => typeof version === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(version),
  );
  return known.length === 0 ? undefined : known.join(', ');
}
