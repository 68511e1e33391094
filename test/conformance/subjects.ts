import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { ServerOptions } from './examined-gate.ts';
import { type Exceptions, REMOTE_EXCEPTIONS, V1_EXCEPTIONS } from './expectations.ts';
import { NODE } from './judge.ts';
import { startRemoteServer } from './servers/remote.ts';
import { createV1Server } from './servers/v1-server.ts';
import { createV2Server } from './servers/v2-server.ts';
import { checkUpstreamToken } from './upstream-token.ts';

/** A server as the gate is told of it, with what runs for it elsewhere. */
export interface Running {
  readonly server: ServerOptions;
  readonly close?: () => Promise<void>;
}

/** A way to put a server behind the gate. */
export interface Subject {
  readonly name: string;
  readonly exceptions: Exceptions;
  start(): Promise<Running> | Running;
}

const requestStateKey = randomBytes(32).toString('hex');

const v2 = (accessToken: string) => {
  checkUpstreamToken(accessToken);
  return createV2Server(requestStateKey);
};

const v1 = (accessToken: string) => {
  checkUpstreamToken(accessToken);
  return createV1Server();
};

// Each session of the judge starts one: without a compiler in it that is a fraction of a second.
const COMMAND = [NODE, fileURLToPath(new URL('servers/stdio.ts', import.meta.url))];

/** What every change is judged by. */
export const FIRST: readonly Subject[] = [
  {
    name: 'SDK v2, an instance for each request',
    start: () => ({ server: { factory: v2 } }),
    exceptions: {},
  },
];

/** The other ways to the same server. */
export const OTHERS: readonly Subject[] = [
  {
    name: 'SDK v2, pooled instances',
    start: () => ({ server: { factory: v2, instances: { mode: 'pooled' } } }),
    exceptions: {},
  },
  {
    name: 'SDK v1 behind the bridge, an instance for each request',
    start: () => ({ server: { factory: v1 } }),
    exceptions: V1_EXCEPTIONS,
  },
  {
    name: 'SDK v1 behind the bridge, pooled instances',
    start: () => ({ server: { factory: v1, instances: { mode: 'pooled' } } }),
    exceptions: V1_EXCEPTIONS,
  },
  {
    name: 'SDK v2 as a command over stdio',
    start: () => ({
      server: { command: COMMAND, env: { UPSTREAM_TOKEN: '${credential}' } },
    }),
    exceptions: REMOTE_EXCEPTIONS,
  },
  {
    name: 'SDK v2 elsewhere, over Streamable HTTP',
    async start() {
      const remote = await startRemoteServer();
      return { server: { url: remote.url.href }, close: () => remote.close() };
    },
    exceptions: REMOTE_EXCEPTIONS,
  },
];
