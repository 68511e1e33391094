import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkResourceServer } from '../../src/testing/resource-server-check/check-resource-server.ts';
import type { CheckOptions } from '../../src/testing/resource-server-check/options.ts';
import type { CheckReport, Verdict } from '../../src/testing/resource-server-check/report.ts';
import { DEFECTS, type DefectName } from './broken-servers.ts';
import { startToyServer } from './toy-server.ts';

const ITEM_IDS = Array.from({ length: 17 }, (_, index) => index + 1);
const WAIT = { timeout: 60_000 };

/** Judges a toy server; the short-lived token costs seconds and is given only where it matters. */
async function judgeToy(
  defect: DefectName | undefined,
  more: { readonly withStreams: boolean },
): Promise<CheckReport> {
  const toy = await startToyServer(defect);
  try {
    const streams = more.withStreams ? { shortLivedToken: toy.shortLived(3), streamGraceMs: 2_000 } : {};
    const options = { ...toy.options, ...streams };
    const report = await checkResourceServer(options);
    expectNoToken(report, options);
    return report;
  } finally {
    await toy.close();
  }
}

/** Not even part of a token may stand in a report: 24 characters would do to recognise it. */
function expectNoToken(report: CheckReport, options: CheckOptions): void {
  const text = JSON.stringify(report);
  const tokens = [options.token, options.otherToken, options.limitedToken, options.expiredToken].flat();
  for (const token of tokens) {
    const secret = (token ?? '').split('.').slice(1).join('.');
    for (let at = 0; at + 24 <= secret.length; at += 1) expect(text).not.toContain(secret.slice(at, at + 24));
  }
}

function withVerdict(report: CheckReport, verdict: Verdict): readonly number[] {
  return report.items.filter((item) => item.verdict === verdict).map(({ id }) => id);
}

async function listen(handle: RequestListener): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

describe('the judge of resource servers, on a sound server', () => {
  const judged = judgeToy(undefined, { withStreams: true });

  it.each(ITEM_IDS)('[resource-server/check.%i] passes in both eras', WAIT, async (id) => {
    const report = await judged;
    const item = report.items.find((one) => one.id === id);
    expect(item?.checks.filter(({ verdict }) => verdict !== 'passed')).toEqual([]);
    expect(item).toMatchObject({ verdict: 'passed' });
  });

  it('sees both eras, uses all it was given, and counts', WAIT, async () => {
    const report = await judged;
    expect(report).toMatchObject({
      eras: ['2025-11-25', '2026-07-28'],
      problems: [],
      summary: { passed: 17, failed: 0, notApplicable: 0 },
    });
    expect(report.items.map(({ id }) => id)).toEqual(ITEM_IDS);
  });

  it('says for every check what was sent and what came back', WAIT, async () => {
    const checks = (await judged).items.flatMap((item) => item.checks);
    expect(checks.length).toBeGreaterThan(100);
    for (const check of checks) expect(check.evidence).toMatch(/\.$/);
  });
});

describe('the judge of resource servers, on servers with one defect', () => {
  const defects = Object.entries(DEFECTS) as [DefectName, (typeof DEFECTS)[DefectName]][];
  const cases = defects.map(([name, { fails, what }]) => ({ name, fails, what, id: fails[0] }));

  it('has a broken server for every item', () => {
    expect([...new Set(cases.flatMap(({ fails }) => [...fails]))].sort((a, b) => a - b)).toEqual(ITEM_IDS);
  });

  it.concurrent.each(cases)('[resource-server/check.$id] finds $what', WAIT, async ({ name, fails }) => {
    const withStreams = (fails as readonly number[]).includes(16);
    const report = await judgeToy(name, { withStreams });
    const unseen = withVerdict(report, 'not-applicable').filter((id) => id !== 16);
    expect({ failed: withVerdict(report, 'failed'), unseen, problems: report.problems }).toEqual({
      failed: fails,
      unseen: [],
      problems: [],
    });
  });
});

describe('the judge of resource servers, with little to go by', () => {
  it('passes nothing that it was given no means to see', WAIT, async () => {
    const toy = await startToyServer();
    onTestFinished(toy.close);
    const report = await checkResourceServer({ url: toy.options.url });
    expect(report.eras).toEqual([]);
    expect(withVerdict(report, 'failed')).toEqual([]);
    expect(withVerdict(report, 'not-applicable')).toEqual([3, 4, 6, 7, 8, 11, 12, 13, 15, 16, 17]);
    const needed = report.items.find(({ id }) => id === 7)?.evidence;
    expect(needed).toBe('Needs the option limitedToken.');
  });

  it('takes a refusal for no evidence when the token is no good to begin with', WAIT, async () => {
    const toy = await startToyServer();
    onTestFinished(toy.close);
    const { expiredToken = '', ...options } = toy.options;
    const report = await checkResourceServer({ ...options, token: expiredToken, only: [3, 4, 6, 13] });
    expect(withVerdict(report, 'passed')).toEqual([4]);
    expect(report.problems).toEqual([
      'The token given was not let in with an honest request, so a refusal would prove nothing.',
    ]);
  });

  it('takes a worn-out token of another kind for no evidence either', WAIT, async () => {
    const toy = await startToyServer();
    onTestFinished(toy.close);
    const { token = '', expiredToken = '' } = toy.options;
    const report = await checkResourceServer({
      url: toy.options.url,
      token,
      foreignAudienceToken: [expiredToken],
      idToken: expiredToken,
      expiredToken: token,
      shortLivedToken: token,
      boundToken: expiredToken,
      only: [4, 16, 17],
    });
    expect(withVerdict(report, 'not-applicable')).toEqual([4, 16, 17]);
    expect(report.problems).toEqual(
      [
        'The foreignAudienceToken given has expired, so its refusal would prove nothing.',
        'The shortLivedToken given is no JWT that expires within two minutes.',
        'The idToken given has expired, so its refusal would prove nothing.',
        'The boundToken given has expired, so its refusal would prove nothing.',
      ].sort((one, other) => report.problems.indexOf(one) - report.problems.indexOf(other)),
    );
  });

  it('fails a server that lets everybody in, whatever they send', WAIT, async () => {
    const url = await listen((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const id = /"id":(\d+)/.exec(body)?.[1] ?? '1';
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.end(`{"jsonrpc":"2.0","id":${id},"result":{"protocolVersion":"2025-11-25"}}`);
      });
    });
    const report = await checkResourceServer({ url, token: 'a-token-that-nobody-asks-for' });
    expect(withVerdict(report, 'failed')).toEqual([1, 2, 3, 5, 6, 8, 9, 11, 13, 14, 15]);
    expect(withVerdict(report, 'passed')).toEqual([10, 12]);
  });
});

describe('the judge of resource servers, on servers that misbehave', () => {
  it('never follows a redirect, and so carries the token nowhere else', WAIT, async () => {
    const seen: string[] = [];
    const other = await listen((request, response) => {
      seen.push(request.url ?? '');
      response.end();
    });
    const url = await listen((_, response) => response.writeHead(307, { Location: other }).end());
    const report = await checkResourceServer({ url, token: 'a-token-that-must-stay-at-home', tool: 'echo' });
    expect(seen).toEqual([]);
    expect(withVerdict(report, 'failed')).toContain(1);
  });

  it('concludes nothing from 429', WAIT, async () => {
    let left = 12;
    const url = await listen((request, response) => {
      request.resume();
      left -= 1;
      const status = left < 0 ? 429 : 401;
      response.writeHead(status, { 'WWW-Authenticate': 'Bearer scope="a"', 'Retry-After': '3600' }).end();
    });
    const report = await checkResourceServer({ url, only: [2, 14] });
    expect(withVerdict(report, 'failed')).toEqual([]);
    expect(report.items.find(({ id }) => id === 14)).toMatchObject({ verdict: 'not-applicable' });
  });

  it('takes a hang-up for a failure of that check, not for an outage', WAIT, async () => {
    const url = await listen((request, response) => {
      if (request.url?.includes('gatehouse=') === true) request.socket.destroy();
      else response.writeHead(401, { 'WWW-Authenticate': 'Bearer scope="a"' }).end();
    });
    const report = await checkResourceServer({ url, only: [14] });
    const broken = report.items[0]?.checks.find(({ name }) => name === 'hostile query and path');
    expect(broken).toMatchObject({ verdict: 'failed', evidence: expect.stringContaining('No answer came') });
  });

  it('rejects when the server cannot be reached', async () => {
    const url = await listen((request) => request.socket.destroy());
    await expect(checkResourceServer({ url })).rejects.toMatchObject({ code: 'TRANSPORT_ERROR' });
  });

  it('names every malformed option at once, and repeats no token', async () => {
    const run = checkResourceServer({ url: 'ftp://x', token: 'two words', only: [18], timeoutMs: 0 });
    await expect(run).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
    const { message } = (await run.catch((error: unknown) => error)) as Error;
    expect(message.split('\n')).toHaveLength(5);
    expect(message).not.toContain('two words');
  });
});

describe('the judge of resource servers, through a fetch function', () => {
  it('sees all but what needs a raw connection', WAIT, async () => {
    const toy = await startToyServer();
    onTestFinished(toy.close);
    const { fetch } = globalThis;
    const report = await checkResourceServer({ ...toy.options, fetch });
    expect(withVerdict(report, 'failed')).toEqual([]);
    expect(withVerdict(report, 'not-applicable')).toEqual([16]);
    const unseen = report.items
      .flatMap(({ checks }) => checks)
      .filter(({ evidence }) => evidence.startsWith('Needs a connection of its own'));
    expect([...new Set(unseen.map(({ name }) => name))]).toEqual([
      'two Authorization headers',
      'not built from a foreign Host',
      'a foreign Host on a loopback address',
    ]);
  });
});
