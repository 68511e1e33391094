import { Client } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpServer, Server } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import {
  isNotification,
  isRequest,
  isResponse,
  isServerProduct,
  type ServerProduct,
} from './server-product.ts';

const info = { name: 'any', version: '1.0.0' };

describe('ServerProduct', () => {
  it('is satisfied by the servers of both SDKs, as types and as values', () => {
    const products: readonly ServerProduct[] = [
      new ServerV1(info),
      new McpServerV1(info),
      new Server(info),
      new McpServer(info),
    ];
    expect(products.every(isServerProduct)).toBe(true);
  });

  it('is not satisfied by clients or by what has no methods', () => {
    expect(isServerProduct(new Client(info))).toBe(false);
    expect(isServerProduct(new ClientV1(info))).toBe(false);
    for (const value of [undefined, null, 'server', {}, { connect: true, close: true }]) {
      expect(isServerProduct(value)).toBe(false);
    }
  });
});

describe('message guards', () => {
  const kinds = (message: unknown): string[] =>
    [
      isRequest(message) && 'request',
      isNotification(message) && 'notification',
      isResponse(message) && 'response',
    ].filter((kind): kind is 'request' | 'notification' | 'response' => kind !== false);

  it.each([
    [{ jsonrpc: '2.0', id: 0, method: 'ping' }, 'request'],
    [{ jsonrpc: '2.0', id: '', method: 'ping', params: {} }, 'request'],
    [{ jsonrpc: '2.0', method: 'notifications/initialized' }, 'notification'],
    [{ jsonrpc: '2.0', id: 1, result: {} }, 'response'],
    [{ jsonrpc: '2.0', id: null, error: { code: -32700, message: 'Parse error' } }, 'response'],
    [{ jsonrpc: '2.0', error: { code: -32700, message: 'Parse error' } }, 'response'],
  ])('tells kinds apart: %j', (message, kind) => {
    expect(kinds(message)).toEqual([kind]);
  });

  it.each([
    [{ id: 1, method: 'ping' }],
    [{ jsonrpc: '1.0', id: 1, method: 'ping' }],
    [{ jsonrpc: '2.0', id: 1.5, method: 'tools/call' }],
    [{ jsonrpc: '2.0', id: null, method: 'tools/call' }],
    [{ jsonrpc: '2.0', id: 1, method: 'tools/call', params: [] }],
    [{ jsonrpc: '2.0', id: 1, method: 'tools/call', params: null }],
    [{ jsonrpc: '2.0', id: 1, method: 'tools/call', result: {} }],
    [{ jsonrpc: '2.0', id: 1, method: 'tools/call', other: 1 }],
    [{ jsonrpc: '2.0', id: 1, result: [] }],
    [{ jsonrpc: '2.0', result: {} }],
    [{ jsonrpc: '2.0', id: 1, result: {}, error: { code: 1, message: '' } }],
    [{ jsonrpc: '2.0', id: 1, error: { code: 'x', message: '' } }],
    [[{ jsonrpc: '2.0', id: 1, method: 'ping' }]],
    [null],
    ['ping'],
  ])('takes for no message: %j', (message) => {
    expect(kinds(message)).toEqual([]);
  });
});
