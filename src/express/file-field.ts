import { isJsonObject, type JsonObject } from './json-value.ts';

/** A file as an argument. */
export interface FileArgument {
  readonly filename: string;
  readonly contentType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Whether a field of a form is a file, or a list of files, in the words of OpenAPI 3.0, 3.1 and Zod. */
export function isFileSchema(schema: unknown): boolean {
  if (!isJsonObject(schema)) return false;
  if (schema['type'] === 'array') return isFileSchema(schema['items']);
  return schema['type'] === 'string' && schema['format'] === 'binary';
}

/** What a caller gives instead: an object with the bytes in base64. */
export function fileSchema(schema: unknown): JsonObject {
  const { type, title, description, items, minItems, maxItems } = isJsonObject(schema) ? schema : {};
  const words = { ...(title !== undefined && { title }), ...(description !== undefined && { description }) };
  if (type === 'array') {
    const bounds = {
      ...(minItems !== undefined && { minItems }),
      ...(maxItems !== undefined && { maxItems }),
    };
    return { type: 'array', ...words, items: fileSchema(items), ...bounds };
  }
  return {
    type: 'object',
    ...words,
    properties: {
      filename: { type: 'string', minLength: 1, maxLength: 255, description: 'Name without a path' },
      contentType: { type: 'string', description: 'Media type; application/octet-stream when left out' },
      data: { type: 'string', contentEncoding: 'base64', description: 'The bytes in base64' },
    },
    required: ['filename', 'data'],
    additionalProperties: false,
  };
}

// RFC 9110 §8.3.1, without parameters.
const MEDIA_TYPE = /^[A-Za-z0-9!#$&^_.+-]{1,127}\/[A-Za-z0-9!#$&^_.+-]{1,127}$/;
// RFC 4648 §4; lengths are checked apart.
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Reads a file argument. @returns what is wrong with it, as text, when it is none. */
export function parseFile(value: unknown): FileArgument | string {
  if (!isJsonObject(value)) return 'must be a file: { filename, contentType, data }';
  const { filename, contentType = 'application/octet-stream', data } = value;
  if (typeof filename !== 'string' || !isFilename(filename)) {
    return 'its filename must be a name without "/", "\\" and control characters';
  }
  if (typeof contentType !== 'string' || !MEDIA_TYPE.test(contentType)) {
    return 'its contentType must be a media type such as text/plain';
  }
  if (typeof data !== 'string' || data.length % 4 !== 0 || !BASE64.test(data)) {
    return 'its data must be the bytes in base64';
  }
  return { filename, contentType, bytes: Uint8Array.from(Buffer.from(data, 'base64')) };
}

function isFilename(name: string): boolean {
  return (
    name !== '' &&
    name.length <= 255 &&
    name !== '.' &&
    name !== '..' &&
    !/[/\\\p{Cc}\p{Surrogate}]/u.test(name)
  );
}

/** The form in which schemas of files check one; what is no file stays as it is. */
export function toFile(value: unknown): unknown {
  const file = parseFile(value);
  return typeof file === 'string' ? value : new File([file.bytes], file.filename, { type: file.contentType });
}
