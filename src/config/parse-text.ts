import type { Document, YAMLError } from 'yaml';

/** What a text says, or what is wrong with it, without repeating any of it. */
export type Parsing = { readonly value: unknown } | { readonly problems: readonly string[] };

/** Aliases a document may resolve: a few, never the billions that nested ones come to. */
const MAX_ALIASES = 100;

/** YAML 1.2 with its core schema. A key given twice, a tag and a second document are problems. */
export async function parseYaml(text: string): Promise<Parsing> {
  try {
    const { document, problems } = await readYaml(text);
    if (problems.length > 0) return { problems: problems.map(({ message }) => message) };
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown };
  } catch {
    return { problems: ['is not usable YAML: it nests or repeats itself too deeply'] };
  }
}

/** JSON in which no key is given twice. */
export async function parseJson(text: string): Promise<Parsing> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The message of JSON.parse quotes the text, which may hold secrets.
    return { problems: [`is not valid JSON${placeOf(error, text)}`] };
  }
  try {
    // JSON.parse keeps the last of two equal keys and says nothing; YAML, of which JSON is a part, tells.
    const { problems } = await readYaml(text);
    const duplicates = problems.filter(({ code }) => code === 'DUPLICATE_KEY');
    return duplicates.length === 0 ? { value } : { problems: duplicates.map(({ message }) => message) };
  } catch {
    return { problems: ['is nested too deeply'] };
  }
}

interface YamlProblem {
  readonly code: string;
  readonly message: string;
}

async function readYaml(
  text: string,
): Promise<{ readonly document: Document; readonly problems: readonly YamlProblem[] }> {
  const { LineCounter, parseDocument } = await import('yaml');
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: true,
    schema: 'core',
    version: '1.2',
    logLevel: 'error',
  });
  const toProblem = ({ code, pos }: YAMLError): YamlProblem => {
    const { line, col } = lineCounter.linePos(pos[0]);
    return { code, message: `${YAML_FAULTS.get(code) ?? 'is not valid YAML'} (line ${line}, column ${col})` };
  };
  return { document, problems: [...document.errors, ...document.warnings].map(toProblem) };
}

const YAML_FAULTS: ReadonlyMap<string, string> = new Map([
  ['DUPLICATE_KEY', 'gives the same key twice'],
  ['MULTIPLE_DOCS', 'holds more than one document'],
  ['TAG_RESOLVE_FAILED', 'holds a tag (`!…`), which is not used here'],
  ['RESOURCE_EXHAUSTION', 'is nested too deeply'],
  ['TAB_AS_INDENT', 'is indented with a tab; YAML wants spaces'],
  ['NON_STRING_KEY', 'holds a key that is not text'],
]);

function placeOf(error: unknown, text: string): string {
  const [, position] = error instanceof Error ? (/ at position (\d+)/.exec(error.message) ?? []) : [];
  if (position === undefined) return '';
  const lines = text.slice(0, Number(position)).split('\n');
  return ` (line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1})`;
}
