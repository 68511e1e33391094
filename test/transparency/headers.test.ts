import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMcpHandler, type Transport } from '@modelcontextprotocol/server';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { GateOptions } from '../../src/config/options.ts';
import type { MCPServerFactory } from '../../src/mcp/server-factory.ts';
import { serveFetch } from '../fixtures/mcp-servers/loopback.ts';
import { startGate } from '../support/gate-harness.ts';
import { type Json, raw } from '../support/wire.ts';
import { BRIDGED, OWN_WORDS } from './differences.ts';
import { REQUESTS, type Sent } from './requests.ts';
import { createTableServer } from './table-server.ts';

/** What a client sees. Several messages are in the order of their ids, for they may overtake each other. */
interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly messages: readonly Json[];
}

type Send = (sent: Sent) => Promise<Answer>;

// A few dozen requests, each on a connection of its own.
const PATIENCE_MS = 60_000;

/** What the server answers itself, without a gate. */
let bare: ReadonlyMap<string, Answer>;

beforeAll(async () => {
  bare = await answersOfBare();
}, PATIENCE_MS);

describe('a gate in front of a server answers like the server', { timeout: PATIENCE_MS }, () => {
  it('with an instance for each request', async () => {
    await expectSameAnswers(await startGated({}), {});
  });

  it('with an audit log that is written before the answer', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'transparency-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, 'audit.jsonl');
    const gated = await startGated({ audit: [{ type: 'file', path, durability: 'before-answer' }] });
    await expectSameAnswers(gated, {});
  });

  it('with pooled instances', async () => {
    await expectSameAnswers(await startGated({ mode: 'pooled' }), {});
  });

  it.each(['fresh', 'pooled'] as const)(
    'with a server of another SDK, but for what the 2025 era does not know, %s',
    async (mode) => {
      await expectSameAnswers(await startGated({ mode, factory: createForeign }), BRIDGED);
    },
  );
});

async function expectSameAnswers(gated: Send, explained: typeof BRIDGED): Promise<void> {
  for (const [name, sent] of Object.entries(REQUESTS)) {
    const [expected, actual] = [bare.get(name), await gated(sent)];
    if (expected === undefined) throw new Error(`Nothing is known of ${name}`);
    const difference = explained[name];
    if (difference !== undefined) {
      expect.soft(codeOf(actual), `${name}: ${difference.why}`).toEqual(difference.gate);
      expect.soft(codeOf(actual), `${name} is no difference any more`).not.toEqual(codeOf(expected));
    } else if (OWN_WORDS[name] === undefined) {
      expect.soft(actual, name).toEqual(expected);
    } else {
      expect.soft(withoutWords(actual), `${name}: ${OWN_WORDS[name]}`).toEqual(withoutWords(expected));
      expect.soft(actual, `${name} is no difference any more`).not.toEqual(expected);
    }
  }
}

function codeOf({ status, messages }: Answer): { status: number; code: unknown } {
  return { status, code: messages[0]?.['error']?.['code'] };
}

/** The same without the text of an error and what explains it. */
function withoutWords(answer: Answer): unknown {
  const messages = answer.messages.map(({ error, ...message }) => ({ ...message, code: error?.['code'] }));
  return { ...answer, messages };
}

async function answersOfBare(): Promise<ReadonlyMap<string, Answer>> {
  const handler = createMcpHandler(() => createTableServer());
  const server = await serveFetch((request) => handler.fetch(request));
  try {
    const answers = new Map<string, Answer>();
    for (const [name, sent] of Object.entries(REQUESTS)) answers.set(name, await send(server.url.href, sent));
    return answers;
  } finally {
    await handler.close();
    await server.close();
  }
}

/** The same server, without what tells that it is of the SDK that the gate uses. */
function createForeign(): ReturnType<MCPServerFactory> {
  const server = createTableServer();
  return { connect: (transport) => server.connect(transport as Transport), close: () => server.close() };
}

interface Gated {
  readonly factory?: MCPServerFactory;
  readonly mode?: 'fresh' | 'pooled';
  readonly audit?: GateOptions['audit'];
}

async function startGated({ mode = 'fresh', audit, factory = createTableServer }: Gated): Promise<Send> {
  const { gate, url, token } = await startGate({
    servers: { table: { factory, instances: { mode } } },
    ...(audit !== undefined && { audit }),
  });
  expect(gate.servers).toHaveLength(1);
  const authorization = `Bearer ${await token()}`;
  return (sent) => send(url, { ...sent, headers: [...sent.headers, ['authorization', authorization]] });
}

async function send(url: string, { method = 'POST', headers, body }: Sent): Promise<Answer> {
  const response = await raw(url, { method, headers, ...(body !== undefined && { body }) });
  const type = response.headers['content-type'];
  return {
    status: response.status,
    type: typeof type === 'string' ? type.split(';')[0] : undefined,
    messages: readMessages(response.text),
  };
}

function readMessages(text: string): readonly Json[] {
  if (text === '') return [];
  const events = text.split('\n').filter((line) => line.startsWith('data: '));
  const messages = events.length === 0 ? [text] : events.map((line) => line.slice('data: '.length));
  return messages
    .map((message) => JSON.parse(message) as Json)
    .toSorted((a, b) => Number(a['id'] ?? 0) - Number(b['id'] ?? 0));
}
