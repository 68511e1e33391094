import { onTestFinished } from 'vitest';
import {
  JWTAuthProvider,
  type WrappedServer,
  type WrapServerConfig,
  wrapServer,
} from '../../../../src/index.ts';
import { createJournal, type FactoryKind, factoryOf, type Journal } from './factories.ts';
import { JWT_SECRET } from './tokens.ts';

export interface Wrapped {
  readonly server: WrappedServer;
  readonly url: string;
  readonly journal: Journal;
}

export interface WrapOverrides extends Partial<Omit<WrapServerConfig, 'transport'>> {
  readonly transport?: Partial<WrapServerConfig['transport']>;
  readonly kind?: FactoryKind;
}

/** A configuration that is sound, so that each test says only what it is about. */
export function wrapConfig(
  { kind = 'v2 McpServer', transport, ...more }: WrapOverrides = {},
  journal = createJournal(),
) {
  const config: WrapServerConfig = {
    serverFactory: factoryOf(kind, journal),
    authProvider: new JWTAuthProvider({ jwtSecret: JWT_SECRET }),
    tokenResolver: { resolveToken: async (userId) => `upstream-of-${userId}` },
    resourceType: 'notes',
    ...more,
    transport: { type: 'http', host: '127.0.0.1', port: 0, ...transport },
  };
  return config;
}

/** A wrapped server that listens, stopped when the test is over. */
export async function startWrapped(overrides: WrapOverrides = {}): Promise<Wrapped> {
  const journal = createJournal();
  const server = wrapServer(wrapConfig(overrides, journal));
  onTestFinished(async () => {
    journal.release();
    await server.stop();
  });
  await server.start();
  return { server, url: server.url ?? '', journal };
}
