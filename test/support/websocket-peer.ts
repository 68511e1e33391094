import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import {
  serveWebSocket,
  type WebSocketOptions,
  type WebSocketService,
} from '../../src/adapters/websocket.ts';
import { type Harness, type HarnessOptions, startGate } from './gate-harness.ts';
import { openRawSocket, type RawSocket, socketUrl } from './websocket-client.ts';
import { type Era, INITIALIZE, type Json, messageOf } from './wire.ts';

/** Fits the answer to a request. */
export function withId(id: unknown): (message: Json) => boolean {
  return (message) => message['id'] === id;
}

/** A tool call of the 2025 era, or of another. */
export function callOf(name: string, id: string | number, era: Era = '2025-11-25'): object {
  return messageOf({ era, method: 'tools/call', params: { name, arguments: {} }, id });
}

/** A socket on which the 2025 era has begun. */
export async function beginLegacy(url: string, token: string): Promise<RawSocket> {
  const peer = await openRawSocket(url, { token });
  peer.send(messageOf({ era: '2025-11-25', method: 'initialize', params: INITIALIZE, id: 'begin' }));
  await peer.next(withId('begin'));
  peer.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  return peer;
}

export interface SocketHost extends Harness {
  readonly service: WebSocketService;
  /** Where sockets of the first server are taken. */
  readonly sockets: string;
}

/** A gate whose sockets are taken on another server, with bounds of the test's. */
export async function hostSockets(
  options: HarnessOptions,
  bounds: WebSocketOptions = {},
): Promise<SocketHost> {
  const harness = await startGate(options);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const service = serveWebSocket(harness.gate, server, bounds);
  const { port } = server.address() as AddressInfo;
  return { ...harness, service, sockets: socketUrl(harness.url.replace(/:\d+/, `:${port}`)) };
}
