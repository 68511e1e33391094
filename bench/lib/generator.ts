import { connect, type Socket } from 'node:net';

/** Makes the request of one call; every call has an id of its own. */
export interface RequestSource {
  /** Head without Content-Length and without the empty line, and body. */
  next(id: number): { readonly head: string; readonly body: string };
  /** What the answer to this id must hold. */
  expected(id: number): string;
}

export interface SliceResult {
  readonly calls: number;
  readonly latenciesMs: readonly number[];
  /** The first answer that was not what was asked for. */
  readonly failure?: string | undefined;
}

/** When a run of calls ends: after a time, or after a number of calls. */
export type Until = { readonly ms: number } | { readonly calls: number };

export interface Generator {
  run(until: Until): Promise<SliceResult>;
  close(): void;
}

interface Run {
  readonly deadline: number;
  remaining: number;
  calls: number;
  readonly latenciesMs: number[];
  failure?: string;
}

/** Closed loop over a few connections that are kept: each sends its next call when it has its answer. */
export function createGenerator(
  address: { readonly host: string; readonly port: number },
  source: RequestSource,
  connections: number,
): Generator {
  const lines = Array.from({ length: connections }, () => createLine(address));
  let nextId = 1;

  return {
    async run(until) {
      const run: Run = {
        deadline: 'ms' in until ? performance.now() + until.ms : Number.POSITIVE_INFINITY,
        remaining: 'calls' in until ? until.calls : Number.POSITIVE_INFINITY,
        calls: 0,
        latenciesMs: [],
      };
      const watch = watchProgress(run, lines);
      await Promise.all(lines.map((line) => loop(line, run)));
      clearInterval(watch);
      return run;
    },
    close: () => lines.forEach((line) => line.close()),
  };

  async function loop(line: Line, run: Run): Promise<void> {
    while (run.failure === undefined && run.remaining > 0 && performance.now() < run.deadline) {
      run.remaining -= 1;
      const id = nextId;
      nextId += 1;
      const { head, body } = source.next(id);
      const startedAt = performance.now();
      const answer = await line.ask(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      run.latenciesMs.push(performance.now() - startedAt);
      run.calls += 1;
      if (answer.status !== 200 || !answer.text.includes(source.expected(id))) {
        run.failure = `status ${answer.status}: ${answer.text.slice(0, 500)}`;
      }
    }
  }
}

const SILENCE_MS = 10_000;

/** An arm that stops answering must not stop the benchmark. */
function watchProgress(run: Run, lines: readonly Line[]): NodeJS.Timeout {
  let before = -1;
  return setInterval(() => {
    if (run.calls === before) for (const line of lines) line.giveUp();
    before = run.calls;
  }, SILENCE_MS);
}

interface Answer {
  readonly status: number;
  /** Headers and body as they came. */
  readonly text: string;
}

interface Line {
  ask(request: string): Promise<Answer>;
  /** Takes what has come so far for the answer. */
  giveUp(): void;
  close(): void;
}

/** One connection that speaks just enough HTTP/1.1: one question at a time, lengths and chunks. */
function createLine(address: { readonly host: string; readonly port: number }): Line {
  let socket: Socket | undefined;
  let received = '';
  let waiting: { resolve(answer: Answer): void } | undefined;

  const answer = (value: Answer): void => {
    const asked = waiting;
    waiting = undefined;
    received = '';
    asked?.resolve(value);
  };
  const open = (): Socket => {
    const opened = connect({ ...address, noDelay: true });
    opened.setEncoding('latin1');
    opened.on('data', (chunk) => {
      received += String(chunk);
      const status = completeStatus(received);
      if (status === undefined) return;
      if (/\r\nconnection: close\r\n/i.test(received)) {
        socket = undefined;
        opened.destroy();
      }
      answer({ status, text: received });
    });
    opened.on('error', (error) => answer({ status: 0, text: error.message }));
    opened.on('close', () => {
      if (socket !== opened) return;
      socket = undefined;
      answer({ status: 0, text: `the connection ended; so far: ${received}` });
    });
    return opened;
  };

  return {
    ask: (request) =>
      new Promise((resolve) => {
        waiting = { resolve };
        socket ??= open();
        socket.write(request, 'latin1');
      }),
    giveUp: () => answer({ status: 0, text: `no answer in time; so far: ${received}` }),
    close: () => {
      const last = socket;
      socket = undefined;
      last?.destroy();
    },
  };
}

/** The status once the whole answer is here. */
function completeStatus(received: string): number | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = received.slice(0, headEnd);
  const status = Number(head.slice(9, 12));
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length !== undefined) return received.length >= headEnd + 4 + Number(length) ? status : undefined;
  if (status === 204 || status === 304) return status;
  return received.endsWith('\r\n0\r\n\r\n') ? status : undefined;
}
