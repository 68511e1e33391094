/** Whether a word holds a JSON Web Token: `eyJ` is the beginning of every encoded JSON object. */
export function isJsonWebToken(word: string): boolean {
  return word.length >= 16 && /(?:^|[^A-Za-z0-9])eyJ[\w-]{8}/.test(word);
}

/** Whether a word holds an API key of the form `mcp_<16 hex digits>_<secret>`, whole or in part. */
export function isOwnKey(word: string): boolean {
  return word.length >= 12 && /(?:^|[^A-Za-z0-9])mcp_[0-9a-f]{8}/i.test(word);
}

const MIN_RANDOM = 24;
const MAX_UNBROKEN = 64;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Whether part of a word looks drawn at random: at least 24 characters between dots that go back and forth
 * between letters and digits or small and capital letters, more than names made of words do; or 64 letters
 * and digits without a break. UUIDs name things and are let through.
 */
export function looksRandom(word: string): boolean {
  if (word.length < MIN_RANDOM) return false;
  return word.split('.').some((part) => part.length >= MIN_RANDOM && !UUID.test(part) && isRandomPart(part));
}

function isRandomPart(part: string): boolean {
  const { turns, digits, inWords, unbroken } = measure(part);
  if (unbroken >= MAX_UNBROKEN) return true;
  if (turns < (part.length - 1) / 5) return false;
  // camelCase turns often, too, but between words.
  return digits / part.length >= 0.15 || inWords / part.length < 0.4;
}

interface Measures {
  /** Places where a digit meets a letter, or a capital follows a small letter. */
  readonly turns: number;
  readonly digits: number;
  /** Characters in runs of at least three small letters. */
  readonly inWords: number;
  /** The longest run of letters and digits. */
  readonly unbroken: number;
}

function measure(part: string): Measures {
  let turns = 0;
  let digits = 0;
  let inWords = 0;
  let unbroken = 0;
  let run = 0;
  let smallRun = 0;
  let last: Kind = 'sign';
  for (let index = 0; index < part.length; index += 1) {
    const kind = kindOf(part.charCodeAt(index));
    if (isTurn(last, kind)) turns += 1;
    if (kind === 'digit') digits += 1;
    run = kind === 'sign' ? 0 : run + 1;
    smallRun = kind === 'small' ? smallRun + 1 : 0;
    if (smallRun >= 3) inWords += smallRun === 3 ? 3 : 1;
    unbroken = Math.max(unbroken, run);
    last = kind;
  }
  return { turns, digits, inWords, unbroken };
}

type Kind = 'digit' | 'small' | 'capital' | 'sign';

function kindOf(code: number): Kind {
  if (code >= 0x30 && code <= 0x39) return 'digit';
  if (code >= 0x61 && code <= 0x7a) return 'small';
  if (code >= 0x41 && code <= 0x5a) return 'capital';
  return 'sign';
}

function isTurn(before: Kind, after: Kind): boolean {
  if (before === 'sign' || after === 'sign') return false;
  return (before === 'digit') !== (after === 'digit') || (before === 'small' && after === 'capital');
}
