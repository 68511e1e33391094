import type { Progress } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLIENTS } from '../support/clients.ts';
import { type DemoProcess, startDemoProcess } from './demo-process.ts';
import { type Outcome, runInspector } from './run-inspector.ts';

let demo: DemoProcess;

beforeAll(async () => {
  demo = await startDemoProcess();
}, 60_000);

afterAll(() => demo.stop());

function namesOf({ tools }: { readonly tools: readonly { readonly name: string }[] }): readonly string[] {
  return tools.map(({ name }) => name).toSorted();
}

function textOf(result: unknown): string {
  const { content } = result as { readonly content: readonly { readonly text?: string }[] };
  return content.map(({ text }) => text).join('\n');
}

async function failureOf(work: Promise<unknown>): Promise<Error> {
  const outcome = await work.then(
    (value) => value,
    (reason: unknown) => reason,
  );
  if (outcome instanceof Error) return outcome;
  throw new Error(`It should have been refused: ${JSON.stringify(outcome)}`);
}

describe.each(CLIENTS)('$client and the demo', { timeout: 60_000 }, ({ client: kind, connect }) => {
  test('lists what its user may see', async () => {
    const alice = await connect(demo.urls.notes, demo.tokens.alice);
    expect(namesOf(await alice.listTools())).toEqual(['add_note', 'delete_note', 'list_notes']);
    const admin = await connect(demo.urls.notes, demo.tokens.admin);
    expect(namesOf(await admin.listTools())).toEqual(['add_note', 'delete_note', 'list_notes', 'purge_all']);
  });

  test('calls tools with its user’s own data', async () => {
    const [alice, bob] = [
      await connect(demo.urls.notes, demo.tokens.alice),
      await connect(demo.urls.notes, demo.tokens.bob),
    ];
    const text = `written by the ${kind}`;
    expect(textOf(await alice.callTool({ name: 'add_note', arguments: { text } }))).toContain(text);
    expect(textOf(await alice.callTool({ name: 'list_notes' }))).toContain(text);
    expect(textOf(await bob.callTool({ name: 'list_notes' }))).not.toContain(text);
  });

  test('is refused what needs more scope, and goes on', async () => {
    const alice = await connect(demo.urls.notes, demo.tokens.alice);
    const refused = await failureOf(alice.callTool({ name: 'delete_note', arguments: { id: 1 } }));
    expect(`${refused.name} ${refused.message} ${JSON.stringify(refused)}`).toMatch(/scope/i);
    expect(textOf(await alice.callTool({ name: 'list_notes' }))).toContain('[');
  });

  test('is told of a hidden tool what it is told of one that does not exist', async () => {
    const alice = await connect(demo.urls.notes, demo.tokens.alice);
    const hidden = await failureOf(alice.callTool({ name: 'purge_all' }));
    const unknown = await failureOf(alice.callTool({ name: 'no_such_tool' }));
    expect(hidden.message).toContain('purge_all');
    expect(hidden.message.replace('purge_all', 'no_such_tool')).toBe(unknown.message);
    expect(hidden).toMatchObject({ code: -32602 });
  });

  test('follows the progress of a call, through a server of SDK v1', async () => {
    const alice = await connect(demo.urls.reports, demo.tokens.alice);
    const seen: string[] = [];
    const onprogress = ({ progress, total, message }: Progress) =>
      void seen.push(`${progress}/${total} ${message}`);
    // The same options stand in another place in SDK v1.
    const options = kind === 'SDK v1 client' ? [undefined, { onprogress }] : [{ onprogress }];
    const callTool = alice.callTool.bind(alice) as (...args: readonly unknown[]) => Promise<unknown>;
    const result = await callTool({ name: 'build_report', arguments: {} }, ...options);
    expect(textOf(result)).toBe('A report in 5 chapters');
    expect(seen).toEqual([
      '1/5 chapter 1',
      '2/5 chapter 2',
      '3/5 chapter 3',
      '4/5 chapter 4',
      '5/5 chapter 5',
    ]);
  });

  test('cannot connect without a token, nor with one of somebody else’s', async () => {
    expect((await failureOf(connect(demo.urls.notes))).message).toMatch(/auth|401|MISSING_CREDENTIALS/);
    expect((await failureOf(connect(demo.urls.notes, 'made-up'))).message).toMatch(/auth|401|INVALID_TOKEN/);
  });
});

describe('the MCP Inspector and the demo', { timeout: 60_000 }, () => {
  const call = (url: string, token: string, name: string, ...args: readonly string[]): Promise<Outcome> =>
    runInspector(url, token, '--method', 'tools/call', '--tool-name', name, ...args);

  test('lists what its user may see', async () => {
    const { code, stdout } = await runInspector(demo.urls.notes, demo.tokens.alice, '--method', 'tools/list');
    expect(code).toBe(0);
    expect(namesOf((JSON.parse(stdout) as { result: never }).result)).toEqual([
      'add_note',
      'delete_note',
      'list_notes',
    ]);
  });

  test('calls a tool', async () => {
    const { code, stdout } = await call(
      demo.urls.notes,
      demo.tokens.bob,
      'add_note',
      '--tool-arg',
      'text=inspected',
    );
    expect(code).toBe(0);
    expect(textOf((JSON.parse(stdout) as { result: unknown }).result)).toContain('inspected');
  });

  test('is refused what needs more scope, and what is hidden', async () => {
    const refused = await call(demo.urls.notes, demo.tokens.alice, 'delete_note', '--tool-arg', 'id=1');
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).toMatch(/scope/i);
    const hidden = await call(demo.urls.notes, demo.tokens.alice, 'purge_all');
    expect(hidden.code).not.toBe(0);
    expect(hidden.stdout + hidden.stderr).toContain('purge_all');
  });

  test('waits for a call that reports progress', async () => {
    const { code, stdout } = await call(demo.urls.reports, demo.tokens.alice, 'build_report');
    expect(code).toBe(0);
    expect(textOf((JSON.parse(stdout) as { result: unknown }).result)).toBe('A report in 5 chapters');
  });
});
