const BEFORE = 'refused before the SDK sees it, with the same status and code';
const UNKNOWN = 'said like this of what is hidden, which must not be told apart';

/** Answers of the gate in words of its own: the same but for the text and the data of an error. */
export const OWN_WORDS: Readonly<Record<string, string>> = {
  'an unknown tool': UNKNOWN,
  'a tool without name': UNKNOWN,
  'an unknown prompt': UNKNOWN,
  'an unknown resource': UNKNOWN,
  'an unknown resource of the 2025 era': UNKNOWN,
  'no JSON': BEFORE,
  'an empty body': BEFORE,
  'JSON that is no message': BEFORE,
  'an empty batch': BEFORE,
  'another JSON-RPC version': BEFORE,
  'an id that is null': BEFORE,
  'a text': BEFORE,
  'no content type': BEFORE,
  GET: BEFORE,
  DELETE: BEFORE,
  PUT: BEFORE,
};

/** Answers that are others where the server behind the gate is spoken to in the words of the 2025 era. */
export const BRIDGED: Readonly<
  Record<string, { readonly why: string; readonly gate: { readonly status: number; readonly code: unknown } }>
> = {
  'a tool that needs sampling': {
    why: 'the SDK tells of a missing capability in the result of the tool',
    gate: { status: 200, code: undefined },
  },
};
