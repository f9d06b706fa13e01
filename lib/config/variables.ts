/** The variables of one storage: what they are called, and which of them counted, for the log. */
import { isDeepStrictEqual } from 'node:util';
import {
  environmentSchema,
  variableName,
  type ReadVariables,
  type StorageEnvironment,
  type VariableName,
} from './environment.js';

export class Variables {
  readonly #read: ReadVariables;
  readonly #prefix: string;
  readonly #counted = new Set<VariableName>();

  constructor(read: ReadVariables, prefix: string) {
    this.#read = read;
    this.#prefix = prefix;
  }

  /** As it was read; an unset one as this storage's own. */
  name(variable: VariableName): string {
    return this.#read.names[variable] ?? variableName(variable, this.#prefix);
  }

  /** Set to something that is none of its values, which is told already: it is not missing as well. */
  isWrong(variable: VariableName): boolean {
    return this.#read.names[variable] !== undefined && this.#read.environment[variable] === undefined;
  }

  /** The option, else the variable. */
  pick<Option, Name extends VariableName>(
    option: Option | undefined,
    variable: Name,
  ): Option | StorageEnvironment[Name] {
    return this.settle<Option | StorageEnvironment[Name]>(option, this.#read.environment[variable], variable);
  }

  /** The option, else what was made of variables. They count unless the option says something else. */
  settle<T>(option: T | undefined, value: T | undefined, ...variables: readonly VariableName[]): T | undefined {
    if (value !== undefined && (option === undefined || isDeepStrictEqual(option, value))) this.count(...variables);
    return option ?? value;
  }

  count(...variables: readonly VariableName[]): void {
    for (const variable of variables) this.#counted.add(variable);
  }

  counted(variable: VariableName): boolean {
    return this.#counted.has(variable);
  }

  /** Those that counted, as `NAME=value` with secrets as asterisks, for the log. */
  told(): string[] {
    const { environment } = this.#read;
    return VARIABLE_NAMES.filter((name) => this.#counted.has(name) && environment[name] !== undefined).map((name) => {
      const hidden = environmentSchema.shape[name].meta()?.['secret'] === true;
      return `${this.name(name)}=${hidden ? '****' : withoutSecrets(String(environment[name]))}`;
    });
  }
}

const VARIABLE_NAMES = Object.keys(environmentSchema.shape) as VariableName[];

/** A URL may hold a user and a password, and a document in the place of its path a private key. */
function withoutSecrets(value: string): string {
  return value.startsWith('{') ? '****' : value.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/\s]*@/i, '$1****@');
}
