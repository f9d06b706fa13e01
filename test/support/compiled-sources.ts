/** The TypeScript compiler over sources that are in no file, with the settings of this project. */
import { join, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '../..');

export interface Source {
  /** Name that problems are told under. */
  readonly place: string;
  /** Where the compiler sees it, below the root of the project; ends with `.ts`. */
  readonly path: string;
  readonly code: string;
}

export interface Problem {
  readonly place: string;
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

function compilerOptions(): ts.CompilerOptions {
  const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent({ ...config.config, include: [], files: [] }, ts.sys, ROOT);
  // Examples leave things unused, and tests in them use jest's globals as apps do.
  return { ...options, noEmit: true, noUnusedLocals: false, noUnusedParameters: false };
}

/** What the compiler says about them. */
export function problemsOf(sources: readonly Source[]): Problem[] {
  const options = compilerOptions();
  const host = ts.createCompilerHost(options);
  const byPath = new Map(sources.map((source) => [join(ROOT, source.path), source]));
  const { readFile, fileExists } = host;
  host.readFile = (path) => byPath.get(path)?.code ?? readFile(path);
  host.fileExists = (path) => byPath.has(path) || fileExists(path);
  const program = ts.createProgram([...byPath.keys()], options, host);
  return [...byPath].flatMap(([path, { place }]) => {
    const file = program.getSourceFile(path);
    if (!file) return [{ place, line: 1, message: 'was not compiled' }];
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((problem) => ({
      place,
      line: file.getLineAndCharacterOfPosition(problem.start ?? 0).line + 1,
      message: ts.flattenDiagnosticMessageText(problem.messageText, '\n'),
    }));
  });
}
