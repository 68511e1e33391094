import ts from 'typescript';

export interface BlockSurroundings {
  /** Modules by the name that the block imports. */
  readonly modules: Readonly<Record<string, unknown>>;
  /** What `process.env` is for the block. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Names that the block uses without declaring them. */
  readonly names?: Readonly<Record<string, unknown>>;
}

/** Runs a block of TypeScript to its end, and gives back the values of some of its own names. */
export async function runBlock<Name extends string>(
  block: string,
  surroundings: BlockSurroundings,
  results: readonly Name[] = [],
): Promise<Record<Name, unknown>> {
  const { modules, env = {}, names = {} } = surroundings;
  const { outputText } = ts.transpileModule(block, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 },
  });
  const require = (name: string): unknown => {
    if (!Object.hasOwn(modules, name)) throw new Error(`the block imports ${name}`);
    return modules[name];
  };
  const given: Record<string, unknown> = { require, exports: {}, process: { env }, ...names };
  const AsyncFunction = (async () => {}).constructor as new (
    ...text: string[]
  ) => (...values: unknown[]) => Promise<unknown>;
  const run = new AsyncFunction(...Object.keys(given), `${outputText}\nreturn { ${results.join(', ')} };`);
  return (await run(...Object.values(given))) as Record<Name, unknown>;
}
