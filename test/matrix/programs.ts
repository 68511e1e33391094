import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
// Where the packages that a program imports are found from.
const OUTPUT = join(ROOT, 'node_modules/.cache/mcp-gatehouse-matrix');
const ENTRIES = ['test/matrix/servers/command-program.ts', 'test/matrix/ways/stdio-program.ts'];

let compiled: string | undefined;

/**
 * Compiles the programs of the matrix, and what they import, once for the process; returns the directory in which they
 * lie as they do in the project. Many processes are started, and each would spend seconds on that.
 */
export function compilePrograms(): string {
  if (compiled !== undefined) return compiled;
  write(join(OUTPUT, 'package.json'), '{ "type": "module" }\n');
  const seen = new Set<string>();
  const waiting = ENTRIES.map((entry) => join(ROOT, entry));
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const text = readFileSync(path, 'utf8');
    for (const { fileName } of ts.preProcessFile(text).importedFiles) {
      if (fileName.startsWith('.') && fileName.endsWith('.ts'))
        waiting.push(resolve(dirname(path), fileName));
    }
    const { outputText } = ts.transpileModule(text, {
      fileName: path,
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    });
    write(join(OUTPUT, relative(ROOT, path).replace(/\.ts$/, '.js')), outputText);
  }
  compiled = OUTPUT;
  return OUTPUT;
}

/** Another process of the tests may be reading it, or writing the same. */
function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}
