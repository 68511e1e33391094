import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ArmProcess, startArm } from './arm-process.ts';
import type { Arm } from './arms.ts';
import { type Callers, PUBLIC_URL, RESOURCE, SCOPE } from './callers.ts';
import { createGenerator, type SliceResult, type Until } from './generator.ts';
import { proveEndpoint, proveInProcess } from './prove.ts';
import { createTemporaryDirectory } from './temporary.ts';
import { type Caller, createSource, type Endpoint, openSessions, type Wire } from './wire.ts';

export interface ArmEnvironment {
  readonly callers: Callers;
  readonly dist: string;
  readonly pin: boolean;
  readonly connections: number;
}

/** An arm that has proved what it claims and can be asked for calls. */
export interface RunningArm {
  readonly process: ArmProcess;
  run(until: Until): Promise<SliceResult>;
  stop(): Promise<void>;
}

const OPENS_AT_ONCE = 8;
const ARMS_DIRECTORY = fileURLToPath(new URL('../arms/', import.meta.url));

interface OpenArm {
  readonly process: ArmProcess;
  stop(): Promise<void>;
}

/** Starts an arm, and asks nothing of it. @throws Error when it does not start */
export async function openArm(arm: Arm, { callers, dist, pin }: ArmEnvironment): Promise<OpenArm> {
  const directory = createTemporaryDirectory(tmpdir());
  const input = {
    issuer: callers.issuer,
    jwksUri: callers.jwksUri,
    resource: RESOURCE,
    publicUrl: PUBLIC_URL,
    scope: SCOPE,
    tools: arm.tools ?? 1,
    mode: arm.mode ?? '',
    directory: directory.path,
    dist,
    tokens: arm.knowsTokens === true ? callers.tokens : [],
  };
  const process = await startArm(join(ARMS_DIRECTORY, arm.script), input, pin);
  return {
    process,
    async stop() {
      await process.stop();
      directory.remove();
    },
  };
}

/** @throws Error when the arm does not start or does not do what it claims */
export async function runArm(arm: Arm, environment: ArmEnvironment): Promise<RunningArm> {
  const { process, stop } = await openArm(arm, environment);
  try {
    const runner =
      arm.wire === 'in-process'
        ? await inProcess(process, environment.callers)
        : await overHttp({ ...arm, wire: arm.wire }, process, environment);
    return {
      process,
      run: runner.run,
      async stop() {
        runner.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Runner {
  run(until: Until): Promise<SliceResult>;
  close(): void;
}

async function inProcess(process: ArmProcess, callers: Callers): Promise<Runner> {
  await proveInProcess((authorization) => process.ask({ prove: authorization }), callers);
  return {
    run: async (until) => {
      const { calls, failure } = (await process.ask({ run: until })) as { calls: number; failure?: string };
      return { calls, failure, latenciesMs: [] };
    },
    close: () => undefined,
  };
}

async function overHttp(
  arm: Arm & { readonly wire: Wire },
  process: ArmProcess,
  { callers, connections }: ArmEnvironment,
): Promise<Runner> {
  const { port, path } = process;
  const endpoint: Endpoint = { port, path, wire: arm.wire };
  await proveEndpoint(endpoint, arm.claim, callers);
  const tokens = callers.tokens.map((token) => ({ token }));
  const peers: readonly Caller[] =
    arm.wire === '2025-session'
      ? await openSessions(endpoint, tokens, arm.opensAtOnce ?? OPENS_AT_ONCE)
      : tokens;
  return createGenerator({ host: '127.0.0.1', port }, createSource(endpoint, peers), connections);
}

/** Where sessions are opened. */
export function sessionEndpoint({ path, port }: ArmProcess): Endpoint {
  return { port, path, wire: '2025-session' };
}
