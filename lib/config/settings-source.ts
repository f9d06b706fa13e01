/** What the settings of a backend are made of, and how a missing one is told. */
import type { StorageEnvironment, VariableName } from './environment.js';
import type { StorageOptions } from './options.js';
import type { Variables } from './variables.js';

/** Options and variables of one storage. */
export interface SettingsSource {
  readonly options: StorageOptions;
  readonly environment: StorageEnvironment;
  /** The same by name, and which of them counted. */
  readonly variables: Variables;
  /** How the variables of this storage begin. */
  readonly prefix: string;
  /** Which backend was chosen and why, for errors. */
  readonly summary: string;
}

/** Nothing where the variable is set and wrong. */
export function missing(variable: VariableName, option: string, { variables, summary }: SettingsSource): string[] {
  if (variables.isWrong(variable)) return [];
  return [`${variables.name(variable)} (or the option ${option}) is not set, and the backend is ${summary}`];
}

/** An unset setting must not hide the one behind it. */
export function defined<T extends object>(settings: T): T {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as T;
}
