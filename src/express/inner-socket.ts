import { isIP } from 'node:net';
import { Duplex } from 'node:stream';
import type { Written } from './inner-pace.ts';
import type { InnerConnection } from './inner-request.ts';

/** Who is at the other end of an {@link InnerSocket}. */
export interface SocketPeer {
  /** The next bytes of the request, asked for as the app reads; undefined when those were all. */
  take(): Buffer | undefined;
  /** Bytes of the answer. Until `done` is called, no more of them come. */
  give(chunks: readonly Buffer[], done: Written): void;
  /** The app has said its last byte. */
  end(): void;
  /** Nothing goes either way any more. */
  close(error: Error | null): void;
}

export interface SocketAddresses extends InnerConnection {
  readonly localAddress: string;
  readonly localPort: number;
}

interface QueuedChunk {
  readonly chunk: Buffer;
}

const FAMILIES = [undefined, undefined, undefined, undefined, 'IPv4', undefined, 'IPv6'] as const;

/**
 * What an app sees as its connection: a stream with the reads and the switches of `net.Socket`, and no network.
 *
 * The readable side never ends by itself: to a server, a client that has said its last is one that has gone.
 */
export class InnerSocket extends Duplex {
  readonly remoteAddress: string | undefined;
  readonly remoteFamily: 'IPv4' | 'IPv6' | undefined;
  /** Of a client that never was on a network, there is none. */
  readonly remotePort: undefined;
  readonly localAddress: string;
  readonly localFamily: 'IPv4' | 'IPv6' | undefined;
  readonly localPort: number;
  /** As Node has it: true over TLS, else not there. */
  readonly encrypted: true | undefined;
  /** Certificates of clients are no part of what is passed on. */
  readonly authorized: false | undefined;
  readonly connecting = false;
  readonly pending = false;
  bytesRead = 0;
  bytesWritten = 0;
  timeout: number | undefined;
  readonly #peer: SocketPeer;
  #idle: NodeJS.Timeout | undefined;

  constructor(peer: SocketPeer, { remoteAddress, localAddress, localPort, encrypted }: SocketAddresses) {
    super();
    this.#peer = peer;
    this.remoteAddress = remoteAddress;
    this.remoteFamily = FAMILIES[isIP(remoteAddress ?? '')];
    this.localAddress = localAddress;
    this.localFamily = FAMILIES[isIP(localAddress)];
    this.localPort = localPort;
    this.encrypted = encrypted || undefined;
    this.authorized = encrypted ? false : undefined;
  }

  get readyState(): 'open' | 'readOnly' | 'closed' {
    if (this.destroyed) return 'closed';
    return this.writable ? 'open' : 'readOnly';
  }

  address(): object {
    return { address: this.localAddress, family: this.localFamily, port: this.localPort };
  }

  /** As Node gives it for a client that has shown none. */
  getPeerCertificate(): object {
    return {};
  }

  /** Emits `timeout` when nothing has gone either way for that long. It never keeps a process alive. */
  setTimeout(timeoutMs: number, listener?: () => void): this {
    if (this.destroyed) return this;
    clearTimeout(this.#idle);
    this.#idle = undefined;
    this.timeout = timeoutMs;
    if (timeoutMs > 0) {
      this.#idle = setTimeout(() => this.emit('timeout'), timeoutMs).unref();
      if (listener !== undefined) this.once('timeout', listener);
    } else if (listener !== undefined) this.off('timeout', listener);
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Ends once everything written is out. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  override _read(): void {
    const bytes = this.#peer.take();
    if (bytes === undefined) return;
    this.#idle?.refresh();
    this.bytesRead += bytes.byteLength;
    this.push(bytes);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Written): void {
    this.#give([chunk], done);
  }

  override _writev(chunks: readonly QueuedChunk[], done: Written): void {
    this.#give(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: () => void): void {
    this.#peer.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#idle);
    this.#peer.close(error);
    done(error);
  }

  #give(chunks: readonly Buffer[], done: Written): void {
    this.#idle?.refresh();
    for (const chunk of chunks) this.bytesWritten += chunk.byteLength;
    this.#peer.give(chunks, done);
  }
}
