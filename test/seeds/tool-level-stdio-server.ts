import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { compose } from '../../src/mcp/middleware/compose.ts';
import { withAuth } from '../../src/mcp/middleware/with-auth.ts';
import { withLogging } from '../../src/mcp/middleware/with-logging.ts';
import { createToolRegistry } from '../../src/mcp/tool-registry.ts';

// A server over stdio whose tools log everything there is to log, with the loggers nobody configured.
const registry = createToolRegistry({ name: 'stdio-notes', version: '1.0.0' });
registry.register(
  'get_data',
  compose(withLogging({ logArgs: true, logResult: true }), withAuth(), async (args) => ({
    found: args['id'],
  })),
);
registry.register(
  'fail',
  compose(withLogging(), withAuth(), async () => {
    throw new Error('upstream is down');
  }),
);

const make = registry.factory();
serveStdio(() => make('upstream-value-0123456789', 'local-user'));
