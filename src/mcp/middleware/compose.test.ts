import { describe, expect, it } from 'vitest';
import { ConfigurationError, MissingCredentialsError } from '../../core/errors.ts';
import type { ToolHandler } from '../tool-handler.ts';
import { compose } from './compose.ts';
import {
  defineToolMiddleware,
  type HandlerWrapper,
  isToolMiddleware,
  type ToolMiddleware,
} from './tool-middleware.ts';
import { withAuth } from './with-auth.ts';
import { withLogging } from './with-logging.ts';
import { withRateLimit } from './with-rate-limit.ts';
import { withTimeout } from './with-timeout.ts';

function tracing(name: string, trace: string[]): HandlerWrapper {
  return (next) => async (args, accessToken, userId, context) => {
    trace.push(`${name} in`);
    const result = await next(args, accessToken, userId, context);
    trace.push(`${name} out`);
    return result;
  };
}

describe('compose', () => {
  it('[mcp-auth/tool-level.compose] makes the leftmost the outermost', async () => {
    const trace: string[] = [];
    const tool = compose(
      defineToolMiddleware(tracing('first', trace)),
      defineToolMiddleware(tracing('second', trace)),
      async (args) => {
        trace.push(`handler ${String(args['id'])}`);
        return 'done';
      },
    );

    expect(await tool({ id: 7 }, 'token', 'alice')).toBe('done');
    expect(trace).toEqual(['first in', 'second in', 'handler 7', 'second out', 'first out']);
  });

  it('[mcp-auth/tool-level.compose] gives middleware when no handler stands at the end', async () => {
    const trace: string[] = [];
    const both: ToolMiddleware = compose(
      tracing('first', trace),
      defineToolMiddleware(tracing('second', trace)),
    );
    expect(isToolMiddleware(both)).toBe(true);
    expect(trace).toEqual([]);

    const tool = compose(both, async () => 'done');
    expect(await tool({}, '', '')).toBe('done');
    expect(trace).toEqual(['first in', 'second in', 'second out', 'first out']);
  });

  it('[mcp-auth/tool-level.compose] takes plain wrapping functions anywhere but in the last place', async () => {
    const trace: string[] = [];
    const tool = compose(tracing('plain', trace), withTimeout(1000), async () => 'done');
    expect(await tool({}, '', '')).toBe('done');
    expect(trace).toEqual(['plain in', 'plain out']);
  });

  it('passes arguments, token, user and context on unchanged', async () => {
    const tool = compose(withLogging({ logger: silent }), async (...received) => received);
    const args = { id: 1 };
    const context = { ...createContext(), toolName: 'get' };
    expect(await tool(args, 'token', 'alice', context)).toEqual([args, 'token', 'alice', context]);
  });

  it('refuses what is no function, all of it at once', () => {
    const broken = compose as unknown as (...parts: unknown[]) => unknown;
    expect(() => broken()).toThrow(ConfigurationError);
    expect(() => broken(undefined, withAuth(), {})).toThrow(/argument 1 .*\n.*argument 3/);
    expect(() =>
      broken(
        () => 'no handler',
        async () => 'done',
      ),
    ).toThrow(/middleware returns a tool handler/);
  });
});

describe('authentication in a composition', () => {
  it('[mcp-auth/tool-level.compose] comes first in whatever place it stands', async () => {
    const trace: string[] = [];
    const last = compose(tracing('outer', trace), withAuth(), async () => 'ran');
    const wrapped = compose(
      tracing('outer', trace),
      withAuth(async () => 'ran'),
    );
    const nested = compose(
      tracing('outer', trace),
      compose(tracing('inner', trace), withAuth()),
      async () => 'ran',
    );

    for (const tool of [last, wrapped, nested]) {
      await expect(tool({}, '', '')).rejects.toThrow(MissingCredentialsError);
    }
    expect(trace).toEqual([]);
    expect(await nested({}, 'token', 'alice')).toBe('ran');
    expect(trace).toEqual(['outer in', 'inner in', 'inner out', 'outer out']);
  });

  it('[mcp-auth/tool-level.compose] comes first also when middleware is applied by hand', async () => {
    const trace: string[] = [];
    const tool = defineToolMiddleware(tracing('outer', trace))(withAuth(async () => 'ran'));
    await expect(tool({}, '', '')).rejects.toThrow(MissingCredentialsError);
    expect(trace).toEqual([]);
  });

  it('does not spend the limit of anybody on a call without a user', async () => {
    const tool = compose(
      withRateLimit({ maxRequests: 1, windowMs: 60_000, keyGenerator: () => 'everybody' }),
      withAuth(),
      async () => 'ran',
    );
    for (let call = 0; call < 3; call += 1)
      await expect(tool({}, '', '')).rejects.toThrow(MissingCredentialsError);
    expect(await tool({}, 'token', 'alice')).toBe('ran');
  });

  it('[mcp-auth/defect.with-auth-in-compose] runs the documented composition and hands over token and user', async () => {
    const received: unknown[] = [];
    const getTool = compose(
      withLogging({ logArgs: true, logger: silent }),
      withRateLimit({ maxRequests: 100, windowMs: 60_000 }),
      withTimeout(5000),
      withAuth(),
      async (args, accessToken, userId) => {
        received.push(args, accessToken, userId);
        return { found: args['id'] };
      },
    );

    expect(typeof getTool).toBe('function');
    expect(isToolMiddleware(getTool)).toBe(false);
    expect(await getTool({ id: 'a' }, 'upstream-token', 'alice')).toEqual({ found: 'a' });
    expect(received).toEqual([{ id: 'a' }, 'upstream-token', 'alice']);
    await expect(getTool({ id: 'a' }, 'upstream-token', '')).rejects.toThrow(MissingCredentialsError);
  });

  it('[mcp-auth/defect.with-auth-in-compose] is middleware without a handler and a handler around one', async () => {
    expect(isToolMiddleware(withAuth())).toBe(true);
    expect(isToolMiddleware(withAuth({ scopes: ['read'] }))).toBe(true);
    const handler: ToolHandler = withAuth(async () => 'ran');
    expect(isToolMiddleware(handler)).toBe(false);
    expect(await withAuth()(async () => 'ran')({}, 'token', 'alice')).toBe('ran');
  });
});

const silent = { info: () => {}, warn: () => {}, error: () => {} };

function createContext() {
  return {
    toolName: 'tool',
    requestId: '1',
    authenticated: true,
    signal: new AbortController().signal,
    progress: async () => {},
  };
}
