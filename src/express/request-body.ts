import { randomUUID } from 'node:crypto';
import { type FileArgument, parseFile } from './file-field.ts';
import { type Issue, isJsonObject } from './json-value.ts';
import { writeQuery } from './query-string.ts';

/** How a route takes its body. */
export type BodyKind = 'json' | 'urlencoded' | 'multipart';

export interface EncodedBody {
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** Writes the body of a request. @returns what is wrong with it when it cannot be written. */
export function encodeBody(value: unknown, kind: BodyKind): EncodedBody | readonly Issue[] {
  if (kind === 'json') return { contentType: 'application/json', bytes: toBytes(JSON.stringify(value)) };
  if (!isJsonObject(value)) return [{ path: [], message: 'must be an object: a form has fields' }];
  if (kind === 'multipart') return encodeForm(Object.entries(value));
  // Which parser the app uses cannot be known, so only what both of them read alike is written.
  const query = writeQuery(value, 'simple');
  return 'text' in query
    ? { contentType: 'application/x-www-form-urlencoded', bytes: toBytes(query.text) }
    : query;
}

export function isEncodedBody(result: EncodedBody | readonly Issue[]): result is EncodedBody {
  return 'contentType' in result;
}

// RFC 7578
function encodeForm(fields: readonly (readonly [string, unknown])[]): EncodedBody | readonly Issue[] {
  const boundary = `form-${randomUUID()}`;
  const chunks: Uint8Array[] = [];
  const issues: Issue[] = [];
  for (const [name, value] of fields) {
    for (const entry of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
      if (entry === null) continue;
      const part = toPart(entry);
      if (typeof part === 'string') issues.push({ path: [name], message: part });
      else chunks.push(...writePart(name, part, boundary));
    }
  }
  if (issues.length > 0) return issues;
  chunks.push(toBytes(`--${boundary}--\r\n`));
  return { contentType: `multipart/form-data; boundary=${boundary}`, bytes: Buffer.concat(chunks) };
}

type Part = FileArgument | { readonly text: string };

function toPart(value: unknown): Part | string {
  if (isJsonObject(value)) return parseFile(value);
  if (Array.isArray(value)) return 'must be text, a number, true, false or a file';
  return { text: String(value) };
}

function writePart(name: string, part: Part, boundary: string): readonly Uint8Array[] {
  const disposition = `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(name)}"`;
  if ('text' in part) return [toBytes(`${disposition}\r\n\r\n${part.text}\r\n`)];
  const head = `${disposition}; filename="${escapeName(part.filename)}"\r\nContent-Type: ${part.contentType}\r\n\r\n`;
  return [toBytes(head), part.bytes, toBytes('\r\n')];
}

// HTML, multipart/form-data: nothing in a name may end its quotes or its line.
function escapeName(name: string): string {
  return name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function toBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
