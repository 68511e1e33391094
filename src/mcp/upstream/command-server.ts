import { type MCPAuthError, ServerUnavailableError, TransportError } from '../../core/errors.ts';
import {
  isObject,
  type JsonRpcId,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type TransportLike,
} from '../server-product.ts';
import {
  type CommandLine,
  type CommandProcess,
  type Ending,
  type Patience,
  startCommand,
} from './command-process.ts';
import { createLineReader } from './line-reader.ts';
import { isTooDeep, readMessage } from './read-message.ts';
import { toFailureAnswer, type UpstreamProduct } from './upstream-product.ts';

export interface CommandServerOptions extends CommandLine {
  /** Hears each line that the process writes to standard error: anything, cut at 4096 bytes, secrets included. */
  readonly onLog: (line: string) => void;
  /** Told once of output that is no message, and of an end that nobody asked for. */
  readonly onError: (error: unknown) => void;
  /** Its first message is there: it has started. */
  readonly onStarted?: (() => void) | undefined;
  /** It ended, or was given up, before its first message. */
  readonly onStartFailed?: (() => void) | undefined;
  /** It is gone, and whatever it started with it. */
  readonly onEnded?: (() => void) | undefined;
  /** Longest message it may send. Default 10 MiB. */
  readonly maxMessageBytes?: number | undefined;
  /** How much it may leave unread before further requests are refused. Default 4 MiB. */
  readonly maxUnreadBytes?: number | undefined;
  readonly patience?: Patience | undefined;
}

const MAX_MESSAGE_BYTES = 10_485_760;
const MAX_UNREAD_BYTES = 4_194_304;
const MAX_LOG_LINE_BYTES = 4096;
/** Messages on their way to clients: reading stops at the first number and goes on at the second. */
const CROWDED = 64;
const ROOMY = 16;

/**
 * An MCP server that is a process of its own and speaks newline-delimited JSON on standard input and output (MCP,
 * stdio transport). Connecting starts it, without a shell; closing it, or its own end, ends all it has started.
 * Requests that it leaves open are answered with an error.
 */
export function createCommandServer(options: CommandServerOptions): UpstreamProduct {
  return new CommandServer(options);
}

class CommandServer implements UpstreamProduct {
  readonly #options: CommandServerOptions;
  readonly #unanswered = new Set<JsonRpcId>();
  #process: CommandProcess | undefined;
  #transport: TransportLike | undefined;
  #failure: MCPAuthError | undefined;
  #hasSpoken = false;
  #hasBabbled = false;
  #isClosing = false;
  #underWay = 0;

  constructor(options: CommandServerOptions) {
    this.#options = options;
  }

  get failure(): MCPAuthError | undefined {
    return this.#failure;
  }

  /** @throws ServerUnavailableError (SERVER_UNAVAILABLE) when the command cannot be run */
  async connect(transport: TransportLike): Promise<void> {
    if (this.#process !== undefined || this.#isClosing)
      throw new TransportError('The server is in use already');
    this.#transport = transport;
    transport.onmessage = (message: JsonRpcMessage) => this.#deliver(message);
    const started = this.#start();
    this.#process = started;
    void started.ended.then((ending) => this.#onEnded(ending));
    try {
      await started.started;
    } catch (cause) {
      throw this.#fail(
        new ServerUnavailableError('The server could not be started', { detail: codeOf(cause), cause }),
      );
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#process?.stop(this.#options.patience);
    await this.#transport?.close();
  }

  #start(): CommandProcess {
    const { onLog, maxMessageBytes = MAX_MESSAGE_BYTES } = this.#options;
    const started = startCommand(this.#options);
    const output = createLineReader({
      maxBytes: maxMessageBytes,
      onTooLong: () =>
        this.#giveUp('The server sent a message that is too long', `over ${maxMessageBytes} bytes`),
      onLine: (line) => this.#hear(line),
    });
    const log = createLineReader({ maxBytes: MAX_LOG_LINE_BYTES, onTooLong: 'cut', onLine: onLog });
    started.stdout.on('data', (chunk: Uint8Array) => output.push(chunk));
    started.stdout.on('end', () => output.end());
    started.stderr.on('data', (chunk: Uint8Array) => log.push(chunk));
    started.stderr.on('end', () => log.end());
    // A pipe breaks when the process ends, which is told by itself.
    for (const stream of [started.stdin, started.stdout, started.stderr]) stream.on('error', () => undefined);
    return started;
  }

  /** Never waits: the order of messages is the order in which they come. */
  #deliver(message: JsonRpcMessage): void {
    const { maxUnreadBytes = MAX_UNREAD_BYTES } = this.#options;
    const stdin = this.#process?.stdin;
    const failure = this.#failure ?? this.#whyUnable(stdin, maxUnreadBytes);
    const isRequest = 'method' in message && 'id' in message;
    if (failure !== undefined || stdin === undefined) {
      if (isRequest) this.#answer(message, failure ?? endedError());
      return;
    }
    if (isRequest) this.#unanswered.add(message.id);
    else this.#forgetCancelled(message);
    stdin.write(`${JSON.stringify(message)}\n`);
  }

  #whyUnable(stdin: CommandProcess['stdin'] | undefined, maxUnreadBytes: number): MCPAuthError | undefined {
    if (stdin?.writable !== true) return endedError();
    if (stdin.writableLength <= maxUnreadBytes) return undefined;
    return new ServerUnavailableError('The server does not read its requests', { detail: 'stdin is full' });
  }

  /** After a cancellation no answer comes, and nobody waits for one. */
  #forgetCancelled(message: JsonRpcMessage): void {
    if (!('method' in message) || message.method !== 'notifications/cancelled') return;
    const id = message.params?.['requestId'];
    if (typeof id === 'string' || typeof id === 'number') this.#unanswered.delete(id);
  }

  #hear(line: string): void {
    if (line.trim() === '' || this.#failure !== undefined) return;
    if (isTooDeep(line)) {
      this.#giveUp('The server sent a message that nests too deeply', 'depth');
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      this.#reportBabble();
      return;
    }
    for (const part of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
      const message = readMessage(part);
      if (message === undefined) this.#reportBabble();
      else this.#pass(message);
    }
  }

  #pass(message: JsonRpcMessage): void {
    if (!this.#hasSpoken) {
      this.#hasSpoken = true;
      this.#options.onStarted?.();
    }
    if (!('method' in message) && message.id !== undefined && message.id !== null) {
      this.#unanswered.delete(message.id);
    }
    this.#send(message);
  }

  #send(message: JsonRpcMessage): void {
    const sending = this.#transport?.send(message);
    if (sending === undefined) return;
    this.#underWay += 1;
    if (this.#underWay >= CROWDED) this.#process?.stdout.pause();
    sending
      .catch((error: unknown) => this.#options.onError(error))
      .finally(() => {
        this.#underWay -= 1;
        if (this.#underWay <= ROOMY) this.#process?.stdout.resume();
      })
      .catch((error: unknown) => this.#options.onError(error));
  }

  #reportBabble(): void {
    if (this.#hasBabbled) return;
    this.#hasBabbled = true;
    this.#options.onError(
      new TransportError('The server writes to standard output what is no MCP message; it is skipped'),
    );
  }

  #giveUp(message: string, detail: string): void {
    const failure = this.#fail(new TransportError(message, { detail }));
    this.#options.onError(failure);
    // At once: nobody else is to be served while it is on its way out.
    void this.#transport?.close();
    void this.close().catch((error: unknown) => this.#options.onError(error));
  }

  #onEnded({ exitCode, signal }: Ending): void {
    if (!this.#hasSpoken) this.#options.onStartFailed?.();
    if (!this.#isClosing && this.#failure === undefined) {
      const detail = `exit code ${exitCode ?? 'none'}, signal ${signal ?? 'none'}`;
      const message = this.#hasSpoken ? 'The server ended unexpectedly' : 'The server could not be started';
      this.#options.onError(this.#fail(new ServerUnavailableError(message, { detail })));
    }
    this.#options.onEnded?.();
    void this.#transport?.close();
  }

  #fail<Failure extends MCPAuthError>(failure: Failure): Failure {
    this.#failure = failure;
    for (const id of this.#unanswered) this.#send(toFailureAnswer(id, failure));
    this.#unanswered.clear();
    return failure;
  }

  #answer(request: JsonRpcRequest, failure: MCPAuthError): void {
    // Not within the call that sends it.
    queueMicrotask(() => this.#send(toFailureAnswer(request.id, failure)));
  }
}

function endedError(): MCPAuthError {
  return new ServerUnavailableError('The server has ended');
}

/** The system's own code, which names nothing of the command line or its environment. */
function codeOf(cause: unknown): string {
  const code: unknown = isObject(cause) || cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  return typeof code === 'string' ? code : 'unknown';
}
