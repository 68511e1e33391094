import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** What a file of a user of the package finds around it. */
const AMBIENT = `
declare module '@myorg/my-mcp-server' {
  export function createServer(
    accessToken: string,
    userId?: string,
  ): import('@modelcontextprotocol/sdk/server/index.js').Server;
}
declare class MyAPIClient {
  constructor(accessToken: string);
  getData(args: unknown): Promise<unknown>;
}
declare const server: import('mcp-gatehouse').AuthenticatedMCPServer;
declare function createMyStaticServer(
  userId: string,
): import('@modelcontextprotocol/sdk/server/mcp.js').McpServer;
`;

const OPTIONS: ts.CompilerOptions = {
  strict: true,
  // Stricter than strict: an option that may be undefined must say so.
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2023.d.ts'],
  types: ['node'],
  paths: { 'mcp-gatehouse': [`${ROOT}src/index.ts`] },
};

/** The errors of TypeScript in each of several files of a user of the package, by the file's name. */
export function typeCheck(
  files: Readonly<Record<string, string>>,
): Readonly<Record<string, readonly string[]>> {
  const place = (name: string) =>
    `${ROOT}test/seeds/mcp-auth/virtual/${name.replaceAll(/[^A-Za-z]+/g, '-')}.ts`;
  const texts = new Map(Object.entries(files).map(([name, text]) => [place(name), text]));
  texts.set(place('ambient').replace(/\.ts$/, '.d.ts'), AMBIENT);
  const program = ts.createProgram([...texts.keys()], OPTIONS, hostOf(texts));
  const diagnostics = ts.getPreEmitDiagnostics(program);
  return Object.fromEntries(
    Object.keys(files).map((name) => [
      name,
      diagnostics
        .filter(({ file }) => file?.fileName === place(name))
        .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ')),
    ]),
  );
}

function hostOf(texts: ReadonlyMap<string, string>): ts.CompilerHost {
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, getSourceFile, readFile } = host;
  host.fileExists = (name) => texts.has(name) || fileExists.call(host, name);
  host.readFile = (name) => texts.get(name) ?? readFile.call(host, name);
  host.getSourceFile = (name, language, ...rest) => {
    const text = texts.get(name);
    return text === undefined
      ? getSourceFile.call(host, name, language, ...rest)
      : ts.createSourceFile(name, text, language);
  };
  return host;
}
