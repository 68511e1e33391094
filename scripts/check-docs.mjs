// Type-checks every ```ts block of README.md and docs/guides against the sources of the package.
//
// A block is a whole module: it imports what it uses. A first line `// file: name.ts` gives it a name,
// so that later blocks of the same document can import it as './name.ts'. Blocks are never written to
// disk; they stand beside their document in a file system laid over the real one.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '');
const FENCE = /^```ts[^\n]*\n([\s\S]*?)^```\s*$/gm;
const FILE_LINE = /^\/\/ file: ([\w.-]+\.ts)\n/;

/** The blocks of one document: path in the overlay, text, and the line of the document they begin on. */
export function extractBlocks(document, markdown) {
  const folder = join(root, dirname(document), `${document.replace(/^.*\//, '')}.blocks`);
  return [...markdown.matchAll(FENCE)].map(({ 1: text, index }) => {
    const line = markdown.slice(0, index).split('\n').length + 1;
    const name = FILE_LINE.exec(text)?.[1] ?? `line-${line}.ts`;
    return { document, line, path: join(folder, name), text };
  });
}

/** Problems as `document:line: message`, in the lines of the documents. */
export function checkBlocks(blocks) {
  const options = readOptions();
  const overlay = new Map(blocks.map((block) => [block.path, block]));
  const program = ts.createProgram([...overlay.keys()], options, createHost(options, overlay));
  return [...overlay.values()].flatMap((block) => {
    const source = program.getSourceFile(block.path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      (diagnostic) => describeDiagnostic(diagnostic, block),
    );
  });
}

function describeDiagnostic({ file, start, messageText }, block) {
  const line = block.line + file.getLineAndCharacterOfPosition(start).line;
  return `${block.document}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
}

function readOptions() {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  return {
    ...options,
    noEmit: true,
    declaration: false,
    // What a reader declares to show something need not be used.
    noUnusedLocals: false,
    noUnusedParameters: false,
    moduleDetection: ts.ModuleDetectionKind.Force,
    paths: readSelfReferences(),
  };
}

/** `mcp-gatehouse` and its subpaths, as users import them, on the sources they are built from. */
function readSelfReferences() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const targets = Object.entries(manifest.exports).filter(([, target]) => typeof target === 'object');
  return Object.fromEntries(
    targets.map(([subpath, target]) => [
      join(manifest.name, subpath),
      [join(root, target.default.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts'))],
    ]),
  );
}

function createHost(options, overlay) {
  const host = ts.createCompilerHost(options);
  const folders = new Set([...overlay.keys()].map(dirname));
  return {
    ...host,
    fileExists: (path) => overlay.has(path) || host.fileExists(path),
    readFile: (path) => overlay.get(path)?.text ?? host.readFile(path),
    directoryExists: (path) => folders.has(path) || host.directoryExists(path),
    getSourceFile: (path, languageVersion, ...rest) => {
      const block = overlay.get(path);
      if (block === undefined) return host.getSourceFile(path, languageVersion, ...rest);
      return ts.createSourceFile(path, block.text, languageVersion, true);
    },
  };
}

function listDocuments() {
  const guides = join(root, 'docs/guides');
  const names = existsSync(guides) ? readdirSync(guides, { recursive: true }) : [];
  const documents = names.filter((name) => name.endsWith('.md')).map((name) => join(guides, name));
  return [join(root, 'README.md'), ...documents].map((path) => relative(root, path));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const documents = process.argv.length > 2 ? process.argv.slice(2) : listDocuments();
  const blocks = documents.flatMap((path) => extractBlocks(path, readFileSync(join(root, path), 'utf8')));
  const problems = checkBlocks(blocks);
  for (const problem of problems) console.error(problem);
  console.log(`${blocks.length} blocks of ${documents.length} documents, ${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
