import { type FileHandle, open, stat } from 'node:fs/promises';

/** The text of a file, or why there is none; neither holds anything of the other. */
export type Reading = { readonly text: string } | { readonly problem: string };

/** Reads a regular file of UTF-8 text, as far as `maxBytes`. Never throws. */
export async function readBounded(path: string, maxBytes: number): Promise<Reading> {
  let file: FileHandle | undefined;
  try {
    // Opening a pipe would wait for its writer.
    if (!(await stat(path)).isFile()) return { problem: 'is not a regular file' };
    file = await open(path);
    const bytes = new Uint8Array(maxBytes + 1);
    const length = await fill(file, bytes);
    if (length > maxBytes) return { problem: `is larger than ${maxBytes} bytes` };
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length)) };
  } catch (error) {
    return { problem: describe(error) };
  } finally {
    await file?.close();
  }
}

async function fill(file: FileHandle, bytes: Uint8Array): Promise<number> {
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8 text';
  return 'cannot be read';
}
