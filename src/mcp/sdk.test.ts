import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import * as serverSdk from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../core/errors.ts';
import { importServerSdk, isNativeV2, loadServerSdk, type ServerSdk } from './sdk.ts';

const info = { name: 'any', version: '1.0.0' };

describe('loadServerSdk', () => {
  it('loads the SDK once', async () => {
    const [first, second] = await Promise.all([loadServerSdk(), loadServerSdk()]);
    expect(first).toBe(second);
    expect(first.McpServer).toBe(serverSdk.McpServer);
  });
});

describe('importServerSdk', () => {
  const failure = (load: () => Promise<ServerSdk>): Promise<unknown> =>
    importServerSdk(load).catch((error) => error);

  it('names the install line when the peer is missing', async () => {
    const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    const error = await failure(() => Promise.reject(missing));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ code: 'CONFIGURATION_ERROR', cause: missing });
    expect(String(error)).toContain(
      'is not installed. Install it with: npm install @modelcontextprotocol/server',
    );
  });

  it('tells a broken peer from a missing one', async () => {
    const error = await failure(() => Promise.reject(new SyntaxError('Unexpected token')));
    expect(String(error)).toContain('could not be loaded');
  });

  it('refuses a copy that is too old', async () => {
    const old: Partial<ServerSdk> = { Server: serverSdk.Server };
    const error = await failure(() => Promise.resolve(old as ServerSdk));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(String(error)).toContain('too old');
  });
});

describe('isNativeV2', () => {
  it('holds for both server classes of the loaded copy only', async () => {
    const sdk = await loadServerSdk();
    expect(isNativeV2(sdk, new serverSdk.McpServer(info))).toBe(true);
    expect(isNativeV2(sdk, new serverSdk.Server(info))).toBe(true);
    expect(isNativeV2(sdk, new McpServerV1(info))).toBe(false);
  });
});
