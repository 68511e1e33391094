import { afterEach, describe, expect, it, vi } from 'vitest';
import { MCPAuthError } from '../../core/errors.ts';
import { createPrincipal } from '../../core/principal.ts';
import { createStandaloneContext } from '../tool-handler.ts';
import type { ToolLogFields, ToolLogger } from '../tool-logger.ts';
import { withLogging } from './with-logging.ts';

interface Entry {
  readonly level: string;
  readonly message: string;
  readonly fields: ToolLogFields;
}

function recording(): { readonly logger: ToolLogger; readonly entries: Entry[] } {
  const entries: Entry[] = [];
  const record = (level: string) => (message: string, fields: ToolLogFields) => {
    entries.push({ level, message, fields });
  };
  return { entries, logger: { info: record('info'), warn: record('warn'), error: record('error') } };
}

const TOKEN = 'upstream-token-of-alice-0123456789';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('withLogging', () => {
  it('[mcp-auth/tool-level.with-logging] writes who called what, when it started and how long it took', async () => {
    const { logger, entries } = recording();
    let time = 1000;
    const tool = withLogging({ logger, now: () => time })(async () => {
      time += 250;
      return 'result';
    });
    const principal = createPrincipal({
      issuer: 'https://issuer.example',
      subject: 'alice',
      tenantId: 'acme',
    });
    const context = { ...createStandaloneContext('alice'), toolName: 'get_data', requestId: '7', principal };

    expect(await tool({ id: 1 }, TOKEN, 'alice', context)).toBe('result');
    const call = { tool: 'get_data', requestId: '7', userId: 'alice', tenantId: 'acme' };
    expect(entries).toEqual([
      { level: 'info', message: 'tool call started', fields: call },
      { level: 'info', message: 'tool call completed', fields: { ...call, durationMs: 250 } },
    ]);
  });

  it('[mcp-auth/tool-level.with-logging] logs arguments and result only when asked, without secrets', async () => {
    const { logger, entries } = recording();
    const tool = withLogging({ logger, logArgs: true, logResult: true })(async () => ({
      echo: `used ${TOKEN}`,
      refresh_token: 'refresh-me',
    }));
    await tool(
      { id: 1, password: 'hunter2', nested: { apiKey: 'k-1' }, note: `my ${TOKEN}` },
      TOKEN,
      'alice',
    );
    expect(entries[0]?.fields['args']).toEqual({
      id: 1,
      password: '[redacted]',
      nested: { apiKey: '[redacted]' },
      note: 'my [redacted]',
    });
    expect(entries[1]?.fields['result']).toEqual({ echo: 'used [redacted]', refresh_token: '[redacted]' });

    const quiet = recording();
    await withLogging({ logger: quiet.logger })(async () => 'result')({ id: 1 }, TOKEN, 'alice');
    expect(JSON.stringify(quiet.entries)).not.toMatch(/args|result"/);
  });

  it('logs a failure with its code and without secrets, and rethrows it', async () => {
    const { logger, entries } = recording();
    const error = new Error(`401 for ${TOKEN}`);
    const failing = withLogging({ logger })(async () => {
      throw error;
    });
    await expect(failing({}, TOKEN, 'alice')).rejects.toBe(error);
    expect(entries[1]).toMatchObject({ level: 'error', message: 'tool call failed' });
    expect(entries[1]?.fields).toMatchObject({ error: '401 for [redacted]', userId: 'alice' });
    expect(entries[1]?.fields).not.toHaveProperty('stack');

    const refusing = withLogging({ logger })(() => {
      throw new MCPAuthError('ACCESS_DENIED', 'Access denied', { detail: 'missing role: auditor' });
    });
    await expect(refusing({}, TOKEN, 'alice')).rejects.toThrow('Access denied');
    expect(entries[3]?.fields).toMatchObject({ code: 'ACCESS_DENIED', detail: 'missing role: auditor' });
  });

  it('prefers its own logger, then that of the server', async () => {
    const own = recording();
    const server = recording();
    const context = { ...createStandaloneContext('alice'), logger: server.logger };
    await withLogging()(async () => 'ran')({}, TOKEN, 'alice', context);
    expect(server.entries).toHaveLength(2);
    await withLogging({ logger: own.logger })(async () => 'ran')({}, TOKEN, 'alice', context);
    expect(own.entries).toHaveLength(2);
    expect(server.entries).toHaveLength(2);
  });

  it('does not fail a call that cannot be logged', async () => {
    const broken = (): void => {
      throw new Error('disk full');
    };
    const args = {};
    Object.defineProperty(args, 'broken', { enumerable: true, get: broken });
    const logger = { info: broken, warn: broken, error: broken };
    expect(await withLogging({ logger, logArgs: true })(async () => 'ran')(args, TOKEN, 'alice')).toBe('ran');
  });

  it('[mcp-auth/tool-level.with-logging] writes JSON lines to stderr by default, and nothing to stdout', async () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const stdout = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await withLogging({ logArgs: true })(async () => 'ran')({ id: 1 }, TOKEN, 'alice');
    const lines = stderr.mock.calls.map(([text]) => JSON.parse(String(text)) as Record<string, unknown>);
    expect(lines).toMatchObject([
      { level: 'info', message: 'tool call started', userId: 'alice', args: { id: 1 } },
      { level: 'info', message: 'tool call completed', userId: 'alice' },
    ]);
    expect(stdout).not.toHaveBeenCalled();
  });
});
