import { describe, expect, it } from 'vitest';
import { createFrameFollower } from './websocket-frames.ts';

const TEXT = 1;
const MORE = 0;
const PING = 9;

interface Frame {
  readonly opcode: number;
  readonly isLast: boolean;
  readonly bytes?: number;
}

/** RFC 6455 §5.2, as clients send it: masked, here by zeros. */
function frameOf({ opcode, isLast, bytes = 3 }: Frame): Buffer {
  const size = Buffer.alloc(bytes < 126 ? 1 : bytes < 65_536 ? 3 : 9);
  if (bytes < 126) size.writeUInt8(bytes);
  else if (bytes < 65_536) size.writeUInt16BE(bytes, 1);
  else size.writeBigUInt64BE(BigInt(bytes), 1);
  const short = bytes < 126 ? bytes : bytes < 65_536 ? 126 : 127;
  size.writeUInt8(0x80 | short);
  const payload = Buffer.alloc(bytes, 0x81);
  return Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | opcode]), size, Buffer.alloc(4), payload]);
}

/** What is unfinished after each frame, with its bytes in chunks of so many. */
function follow(frames: readonly Frame[], chunkBytes: number): (number | undefined)[] {
  const follower = createFrameFollower();
  return frames.map((frame) => {
    const bytes = frameOf(frame);
    for (let at = 0; at < bytes.length; at += chunkBytes) follower.take(bytes.subarray(at, at + chunkBytes));
    return follower.unfinished;
  });
}

describe.each([1, 3, 1000, 1_000_000])('a follower of frames, told of %d bytes at a time', (chunkBytes) => {
  it('knows a message in pieces from its first to its last, whatever comes between them', () => {
    const frames = [
      { opcode: TEXT, isLast: true },
      { opcode: TEXT, isLast: false },
      { opcode: PING, isLast: true },
      { opcode: PING, isLast: true, bytes: 0 },
      { opcode: MORE, isLast: false, bytes: 0 },
      { opcode: MORE, isLast: true },
      { opcode: TEXT, isLast: true },
    ];
    expect(follow(frames, chunkBytes)).toEqual([undefined, 1, 1, 1, 1, undefined, undefined]);
  });

  it('tells one message in pieces from the next', () => {
    const pieces = [
      { opcode: TEXT, isLast: false },
      { opcode: MORE, isLast: true },
    ];
    expect(follow([...pieces, ...pieces], chunkBytes)).toEqual([1, undefined, 2, undefined]);
  });

  it.each([125, 126, 65_535, 65_536])('takes frames of %d bytes for as long as they are', (bytes) => {
    const frames = [
      { opcode: TEXT, isLast: false, bytes },
      { opcode: MORE, isLast: false, bytes },
      { opcode: MORE, isLast: true, bytes },
    ];
    expect(follow(frames, chunkBytes)).toEqual([1, 1, undefined]);
  });
});
