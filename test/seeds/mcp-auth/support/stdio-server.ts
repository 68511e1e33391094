import { EnvAuthProvider, SimpleTokenResolver, wrapServer } from '../../../../src/index.ts';
import { type FactoryKind, factoryOf } from './factories.ts';

// A wrapped server over stdio, as an MCP client starts it: the first argument names the kind of server inside.
const server = wrapServer({
  serverFactory: factoryOf(process.argv[2] as FactoryKind),
  authProvider: new EnvAuthProvider({ requireUserId: true }),
  tokenResolver: new SimpleTokenResolver({ tokenEnvVar: 'API_TOKEN' }),
  resourceType: 'notes',
  transport: { type: 'stdio' },
  middleware: { logging: true },
});
await server.start();
