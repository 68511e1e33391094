import { ConfigurationError } from '../core/errors.ts';
import type { ServerProduct } from './server-product.ts';

/** The v2 server SDK, loaded at run time: an optional peer. */
export type ServerSdk = typeof import('@modelcontextprotocol/server');

const PACKAGE = '@modelcontextprotocol/server';
const INSTALL = `npm install ${PACKAGE}@^2.4.0`;

let loaded: Promise<ServerSdk> | undefined;

/**
 * Loads the v2 server SDK, once for the whole process; a failure is not remembered.
 *
 * @throws ConfigurationError (CONFIGURATION_ERROR) that names the install line when the SDK is missing or too old.
 */
export function loadServerSdk(): Promise<ServerSdk> {
  if (loaded !== undefined) return loaded;
  const loading = importServerSdk(() => import('@modelcontextprotocol/server'));
  loaded = loading;
  loading.catch(() => {
    loaded = undefined;
  });
  return loading;
}

/** What {@link loadServerSdk} does once, over an import of the caller's choice. */
export async function importServerSdk(load: () => Promise<ServerSdk>): Promise<ServerSdk> {
  let sdk: ServerSdk;
  try {
    sdk = await load();
  } catch (cause) {
    const problem = isMissing(cause) ? 'is not installed' : 'could not be loaded';
    throw new ConfigurationError(`${PACKAGE} ${problem}. Install it with: ${INSTALL}`, { cause });
  }
  if (typeof sdk.createMcpHandler !== 'function' || typeof sdk.McpServer !== 'function') {
    throw new ConfigurationError(`${PACKAGE} is too old. Install it with: ${INSTALL}`);
  }
  return sdk;
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND';
}

/**
 * Whether the v2 SDK can serve this very object. Servers of v1, and of another copy of v2, are not: they
 * need a bridge.
 */
export function isNativeV2(sdk: ServerSdk, product: ServerProduct): product is NativeServer & ServerProduct {
  return product instanceof sdk.McpServer || product instanceof sdk.Server;
}

/** The connection entry of the v2 SDK. @throws ConfigurationError when the SDK is missing or too old. */
export async function loadStdioSdk(): Promise<typeof import('@modelcontextprotocol/server/stdio')> {
  await loadServerSdk();
  return import('@modelcontextprotocol/server/stdio');
}

/** A server of our copy of the v2 SDK. */
export type NativeServer = InstanceType<ServerSdk['Server']> | InstanceType<ServerSdk['McpServer']>;

export type { ServerEvent, ServerEventBus } from '@modelcontextprotocol/server';
