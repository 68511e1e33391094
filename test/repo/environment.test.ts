import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { listFiles, readText } from './project-files.ts';

/** The one file that reads the environment; everything else is handed a snapshot. */
const READERS = ['src/config/environment.ts'];

/** Lines on which a source reads the environment, however it is spelled; comments and strings do not count. */
function findReads(text: string): readonly number[] {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true);
  const lines: number[] = [];
  const visit = (node: ts.Node): void => {
    if (isEnvironmentRead(node)) {
      lines.push(source.getLineAndCharacterOfPosition(node.getStart()).line + 1);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return lines;
}

function isEnvironmentRead(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) return node.name.text === 'env' && isProcess(node.expression);
  if (ts.isElementAccessExpression(node)) return isProcess(node.expression);
  if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name)) {
    return node.initializer !== undefined && isProcess(node.initializer) && bindsEnv(node.name);
  }
  if (ts.isImportDeclaration(node)) return /^(node:)?process$/.test(moduleName(node)) && importsEnv(node);
  return false;
}

function isProcess(node: ts.Expression): boolean {
  if (ts.isPropertyAccessExpression(node)) return node.name.text === 'process';
  return ts.isIdentifier(node) && node.text === 'process';
}

function bindsEnv(pattern: ts.ObjectBindingPattern): boolean {
  return pattern.elements.some(({ propertyName, name }) => (propertyName ?? name).getText() === 'env');
}

function moduleName(node: ts.ImportDeclaration): string {
  return ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier.text : '';
}

function importsEnv(node: ts.ImportDeclaration): boolean {
  const bindings = node.importClause?.namedBindings;
  if (bindings === undefined || !ts.isNamedImports(bindings)) return false;
  return bindings.elements.some(({ propertyName, name }) => (propertyName ?? name).text === 'env');
}

describe('the environment', () => {
  test.each([
    'const a = process.env.HOME;',
    "const a = process['env'];",
    'const { env } = process;',
    'const { env: all } = globalThis.process;',
    'const a = globalThis.process.env;',
    "import { env } from 'node:process';",
    "import process from 'node:process';\nconst a = process.env;",
  ])('is recognised in: %s', (text) => {
    expect(findReads(text)).toHaveLength(1);
  });

  test.each(['// process.env is not read here', "const a = 'process.env';", 'const a = options.env;'])(
    'is not seen in: %s',
    (text) => {
      expect(findReads(text)).toEqual([]);
    },
  );

  test('is read in one file only', () => {
    const sources = listFiles('src', '.ts').filter((path) => !path.endsWith('.test.ts'));
    const reads = sources
      .filter((path) => !READERS.includes(path))
      .flatMap((path) => findReads(readText(path)).map((line) => `${path}:${line}`));
    expect(reads).toEqual([]);
  });
});
