/** The vendors' packages that a backend cannot do without: looked for at the start, since most are loaded on first use. */
import { createRequire } from 'node:module';
import { StorageConfigurationError } from '../contract/index.js';

const { resolve } = createRequire(import.meta.url);

function isMissing(name: string): boolean {
  try {
    resolve(name);
    return false;
  } catch (error) {
    // A package that gives CommonJS nothing is there as well.
    return (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
  }
}

/** @throws StorageConfigurationError that names all that are missing, with the command that installs them */
export function assertInstalled(backend: string, packages: readonly string[]): void {
  const missing = packages.filter(isMissing);
  if (missing.length === 0) return;
  throw new StorageConfigurationError({
    backend,
    reason: `the ${missing.length === 1 ? 'package' : 'packages'} ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not installed`,
    advice:
      `Install what the ${backend} backend needs: npm install ${missing.join(' ')} ` +
      '(a devDependency is not there in production).',
  });
}
