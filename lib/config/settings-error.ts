/** All problems of a set-up in one error. */
import { StorageConfigurationError } from '../contract/index.js';

export class SettingsError extends StorageConfigurationError {
  constructor(readonly problems: readonly string[]) {
    const told = problems.join('; ');
    super({
      reason: problems.length === 1 ? told : `the settings of the storage are not valid: ${told}`,
      advice: 'Correct the named variables, or the options that stand for them.',
    });
    // The name by which apps know it.
    this.name = 'StorageConfigurationError';
  }
}

/** What is wrong, each of it, where a check refuses. @throws what is no refusal of settings */
export function problemsIn(check: () => unknown): readonly string[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    if (!(error instanceof StorageConfigurationError)) throw error;
    const { backend, reason, advice } = error;
    const where = backend === undefined ? '' : `${backend}: `;
    return [`${where}${reason}${advice === undefined ? '' : `. ${advice.replace(/\.$/, '')}`}`];
  }
}
