/** The version of this package, from its manifest. */
import { existsSync, readFileSync } from 'node:fs';

interface Manifest {
  readonly name?: string;
  readonly version?: string;
}

/** Looks upwards: compiled files lie at different depths in the package and in its tests. */
export function ownVersion(): string {
  let folder = new URL('./', import.meta.url);
  for (let above = new URL('../', folder); above.href !== folder.href; above = new URL('../', folder)) {
    folder = above;
    const path = new URL('package.json', folder);
    if (!existsSync(path)) continue;
    const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
    if (name === 'nestjs-storage' && version !== undefined) return version;
  }
  return 'unknown';
}
