import { Client, InMemoryTransport } from '@modelcontextprotocol/client';
import { inputRequired, UrlElicitationRequiredError } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { connectClient, ERAS } from '../../test/seeds/tool-level-client.ts';
import { MCPAuthError, RateLimitError } from '../core/errors.ts';
import { ANONYMOUS, createPrincipal } from '../core/principal.ts';
import { compose } from './middleware/compose.ts';
import { withAuth } from './middleware/with-auth.ts';
import { withRateLimit } from './middleware/with-rate-limit.ts';
import { withRetry } from './middleware/with-retry.ts';
import { withTimeout } from './middleware/with-timeout.ts';
import type { ToolContext, ToolHandler } from './tool-handler.ts';
import type { ToolLogFields } from './tool-logger.ts';
import { createToolRegistry, type ToolRegistry, type ToolServerExtras } from './tool-registry.ts';

const TOKEN = 'upstream-value-of-alice-0123456789';
const alice = createPrincipal({ issuer: 'https://issuer.example', subject: 'alice', scopes: ['notes:*'] });
const bob = createPrincipal({ issuer: 'https://issuer.example', subject: 'bob', scopes: ['notes:*'] });

interface Entry {
  readonly message: string;
  readonly fields: ToolLogFields;
}

function createRegistry(rulesEnforcedBy: 'registry' | 'gate' = 'registry') {
  const entries: Entry[] = [];
  const record = (message: string, fields: ToolLogFields) => {
    entries.push({ message, fields });
  };
  const logger = { info: record, warn: record, error: record };
  return {
    entries,
    registry: createToolRegistry({ name: 'notes', version: '1.0.0', logger, rulesEnforcedBy }),
  };
}

function factoryOf(registry: ToolRegistry, extras: ToolServerExtras = { principal: alice }) {
  const make = registry.factory();
  return () => make(TOKEN, 'alice', extras);
}

describe.each(ERAS)('a tool call in the $era era', ({ mode }) => {
  it('gives the handler its context', async () => {
    const { registry } = createRegistry();
    let seen: ToolContext | undefined;
    const handler: ToolHandler = async (_args, _token, _user, context) => {
      seen = context;
    };
    registry.register('look', handler, { annotations: { idempotentHint: true } });
    const requestContext = { transport: 'http', timestamp: new Date(0) } as const;
    const factory = factoryOf(registry, { principal: alice, requestContext });
    const client = await connectClient({ mode, factory });
    expect(await client.callTool({ name: 'look' })).toMatchObject({ content: [] });
    expect(seen).toMatchObject({ toolName: 'look', authenticated: true, idempotent: true, principal: alice });
    expect(seen?.requestContext).toBe(requestContext);
    expect(seen?.requestId).toMatch(/^\d+$/);
    expect(seen?.progressToken).toBeUndefined();
    await seen?.progress({ progress: 1 });
    await client.close();
  });

  it('sends progress to the client that asked for it', async () => {
    const { registry } = createRegistry();
    const tokens: unknown[] = [];
    registry.register('slow', async (_args, _token, _user, context) => {
      tokens.push(context?.progressToken);
      await context?.progress({ progress: 1, total: 2, message: 'half' });
      await context?.progress({ progress: 2 });
      await new Promise((resolve) => setTimeout(resolve, 20));
      return 'done';
    });
    const client = await connectClient({ mode, factory: factoryOf(registry) });
    const updates: unknown[] = [];
    await client.callTool({ name: 'slow' }, { onprogress: (update) => updates.push(update) });
    expect(updates).toEqual([{ progress: 1, total: 2, message: 'half' }, { progress: 2 }]);
    expect(tokens).toEqual([expect.any(Number)]);
    await client.close();
  });

  it('turns our errors into results with code and seconds to wait', async () => {
    const { registry, entries } = createRegistry();
    const limited = compose(
      withRateLimit({ maxRequests: 1, windowMs: 60_000 }),
      withAuth(),
      async () => 'ran',
    );
    registry.register('limited', limited);
    registry.register(
      'timed',
      compose(withTimeout(10), async () => new Promise(() => {})),
    );
    registry.register('refusing', () => {
      throw new MCPAuthError('ACCESS_DENIED', 'Access denied', { detail: 'the inner reason' });
    });
    const client = await connectClient({ mode, factory: factoryOf(registry) });
    expect((await client.callTool({ name: 'limited' })).isError).toBeUndefined();
    const refused = await client.callTool({ name: 'limited' });
    expect(refused).toMatchObject({
      isError: true,
      _meta: { 'gatehouse/code': 'RATE_LIMIT_EXCEEDED', 'gatehouse/retryAfterSeconds': 60 },
      content: [{ text: '{"error":"Too many calls; try again in 60 s","code":"RATE_LIMIT_EXCEEDED"}' }],
    });
    expect(await client.callTool({ name: 'timed' })).toMatchObject({
      _meta: { 'gatehouse/code': 'REQUEST_TIMEOUT' },
    });
    const denied = await client.callTool({ name: 'refusing' });
    expect(JSON.stringify(denied)).not.toContain('inner reason');
    expect(entries.at(-1)).toMatchObject({
      message: 'tool call refused',
      fields: { tool: 'refusing', code: 'ACCESS_DENIED', detail: 'the inner reason', userId: 'alice' },
    });
    await client.close();
  });

  it('tells the model what went wrong, but neither stack nor token', async () => {
    const { registry, entries } = createRegistry();
    registry.register('failing', async (_args, accessToken) => {
      throw new Error(`the upstream refused ${accessToken}`);
    });
    const client = await connectClient({ mode, factory: factoryOf(registry) });
    const result = await client.callTool({ name: 'failing' });
    expect(result).toMatchObject({ isError: true, content: [{ text: 'the upstream refused [redacted]' }] });
    expect(JSON.stringify(result)).not.toMatch(/\bat \S+:\d+/);
    expect(entries.at(-1)).toMatchObject({ message: 'tool call failed', fields: { tool: 'failing' } });
    expect(String(entries.at(-1)?.fields['stack'])).toContain('tool-call.test.ts');
    expect(JSON.stringify(entries)).not.toContain(TOKEN);
    await client.close();
  });

  it('serves an anonymous caller public tools only', async () => {
    const { registry } = createRegistry();
    registry.register('open', async (_args, _token, _user, context) => `known: ${context?.authenticated}`, {
      access: 'public',
    });
    registry.register('closed', async () => 'ran');
    const make = registry.factory();
    const factory = () => make('', 'anonymous', { principal: ANONYMOUS });
    const client = await connectClient({ mode, factory });
    expect(await client.callTool({ name: 'open' })).toMatchObject({ content: [{ text: 'known: false' }] });
    expect(await client.callTool({ name: 'closed' })).toMatchObject({
      isError: true,
      _meta: { 'gatehouse/code': 'MISSING_CREDENTIALS' },
    });
    await client.close();
  });

  it('refuses a request of another principal than the server was made for', async () => {
    const { registry } = createRegistry();
    let runs = 0;
    registry.register('mine', () => (runs += 1));
    const factory = factoryOf(registry);
    const own = await connectClient({ mode, factory, principal: alice });
    expect((await own.callTool({ name: 'mine' })).isError).toBeUndefined();
    const foreign = await connectClient({ mode, factory, principal: bob });
    expect(await foreign.callTool({ name: 'mine' })).toMatchObject({
      isError: true,
      _meta: { 'gatehouse/code': 'AUTHENTICATION_FAILED' },
    });
    expect(runs).toBe(1);
    await Promise.all([own.close(), foreign.close()]);
  });

  it('judges by the scopes of the request, not those the server was made with', async () => {
    const { registry } = createRegistry();
    registry.register('write', async () => 'ran', { scopes: ['notes:write'] });
    const steppedUp = createPrincipal({ ...alice, scopes: ['notes:write'] });
    const factory = factoryOf(registry);
    const before = await connectClient({ mode, factory, principal: alice });
    expect(await before.callTool({ name: 'write' })).toMatchObject({
      isError: true,
      _meta: { 'gatehouse/code': 'INSUFFICIENT_SCOPE' },
    });
    const after = await connectClient({ mode, factory, principal: steppedUp });
    expect(await after.callTool({ name: 'write' })).toMatchObject({ content: [{ text: 'ran' }] });
    await Promise.all([before.close(), after.close()]);
  });

  it('leaves declared rules to a gate that enforces them, and nothing else', async () => {
    const { registry } = createRegistry('gate');
    registry.register(
      'read',
      withAuth(async () => 'ran', { scopes: ['notes:read'] }),
    );
    const hidden = withAuth(async () => 'ran', { scopes: ['notes:write'] });
    registry.register('calls_another', (...call) => hidden(...call), { scopes: ['notes:read'] });
    const client = await connectClient({ mode, factory: factoryOf(registry) });
    expect(await client.callTool({ name: 'read' })).toMatchObject({ content: [{ text: 'ran' }] });
    expect(await client.callTool({ name: 'calls_another' })).toMatchObject({
      _meta: { 'gatehouse/code': 'INSUFFICIENT_SCOPE' },
    });
    const make = registry.factory();
    const nobody = await connectClient({ mode, factory: () => make('', '') });
    expect(await nobody.callTool({ name: 'read' })).toMatchObject({
      _meta: { 'gatehouse/code': 'MISSING_CREDENTIALS' },
    });
    await Promise.all([client.close(), nobody.close()]);
  });

  it('repeats what its annotations declare safe, and nothing else', async () => {
    const { registry } = createRegistry();
    const attempts = { safe: 0, unsafe: 0 };
    const flaky = (name: keyof typeof attempts) =>
      compose(withRetry({ delayMs: 0 }), async () => {
        attempts[name] += 1;
        if (attempts[name] < 3) throw new Error('connection reset');
        return 'ran';
      });
    registry.register('safe', flaky('safe'), { annotations: { readOnlyHint: true } });
    registry.register('unsafe', flaky('unsafe'));
    const client = await connectClient({ mode, factory: factoryOf(registry) });
    expect(await client.callTool({ name: 'safe' })).toMatchObject({ content: [{ text: 'ran' }] });
    expect(await client.callTool({ name: 'unsafe' })).toMatchObject({ isError: true });
    expect(attempts).toEqual({ safe: 3, unsafe: 1 });
    await client.close();
  });

  it('answers under an output schema in the form of the era', async () => {
    const { registry } = createRegistry();
    registry.register('list', async () => [1, 2], {
      outputSchema: { type: 'array', items: { type: 'number' } },
    });
    registry.register('broken', async () => ['one'], {
      outputSchema: { type: 'array', items: { type: 'number' } },
    });
    const client = await connectClient({ mode, factory: factoryOf(registry) });
    const { structuredContent } = await client.callTool({ name: 'list' });
    expect(structuredContent).toEqual(mode === 'legacy' ? { result: [1, 2] } : [1, 2]);
    expect(await client.callTool({ name: 'broken' })).toMatchObject({ isError: true });
    await client.close();
  });
});

describe('what is no failure', () => {
  it('asks the user for input and reads the answer (2026)', async () => {
    const { registry } = createRegistry();
    registry.register('confirm', async (_args, _token, _user, context) => {
      const answer = context?.inputResponses?.['sure'];
      if (answer !== undefined) return { answer };
      const requestedSchema = { type: 'object' as const, properties: { ok: { type: 'boolean' as const } } };
      return inputRequired({
        inputRequests: { sure: inputRequired.elicit({ message: 'Sure?', requestedSchema }) },
      });
    });
    const client = await connectClient({
      mode: ERAS[0].mode,
      factory: factoryOf(registry),
      onElicit: () => ({ action: 'accept', content: { ok: true } }),
    });
    const result = await client.callTool({ name: 'confirm' });
    expect(result.structuredContent).toEqual({ answer: { action: 'accept', content: { ok: true } } });
    await client.close();
  });

  it('lets the request to open a URL through as the protocol error it is (2025)', async () => {
    const { registry, entries } = createRegistry();
    registry.register('link', () => {
      const url = 'https://accounts.example/link';
      throw new UrlElicitationRequiredError([{ mode: 'url', url, message: 'Link it', elicitationId: 'e1' }]);
    });
    const client = await connectClient({ mode: 'legacy', factory: factoryOf(registry) });
    await expect(client.callTool({ name: 'link' })).rejects.toMatchObject({ code: -32042 });
    expect(entries).toEqual([]);
    await client.close();
  });
});

describe('a connection that stays', () => {
  it('aborts the signal of a call that the client cancels, and logs no failure', async () => {
    const { registry, entries } = createRegistry();
    let aborted = (): void => {};
    const seen = new Promise<void>((resolve) => (aborted = resolve));
    let started = (): void => {};
    const running = new Promise<void>((resolve) => (started = resolve));
    registry.register('wait', async (_args, _token, _user, context) => {
      started();
      await new Promise((_resolve, reject) => {
        context?.signal.addEventListener('abort', () => {
          aborted();
          reject(new RateLimitError('unheard', 1));
        });
      });
    });
    const client = new Client({ name: 'test', version: '1.0.0' });
    const [near, far] = InMemoryTransport.createLinkedPair();
    const server = await factoryOf(registry)();
    await Promise.all([server.connect(far), client.connect(near)]);

    const cancel = new AbortController();
    const call = client
      .callTool({ name: 'wait' }, { signal: cancel.signal })
      .catch((error: unknown) => error);
    await running;
    cancel.abort(new Error('no longer wanted'));
    await seen;
    expect(await call).toBeInstanceOf(Error);
    expect(entries).toEqual([]);
    await client.close();
  });
});
