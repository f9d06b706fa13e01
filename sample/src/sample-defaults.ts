/** Where the sample keeps its files when the environment does not say. */
import { fileURLToPath } from 'node:url';
import { detectBackend, readEnvironment } from 'nestjs-storage/config';

/** `sample/data` of the checkout, from the sources and from the build alike. */
const SAMPLE_DATA = fileURLToPath(new URL('../data', import.meta.url));

/**
 * Sets the local backend in `sample/data` where no variable names another store, so that the environment alone
 * chooses the store and the code never does.
 */
export function applySampleDefaults(environment: NodeJS.ProcessEnv): void {
  const { backend } = detectBackend(readEnvironment(environment));
  // Without a word from the environment the storage would keep the files in memory.
  if (!environment.STORAGE_BACKEND && backend === 'memory') environment.STORAGE_BACKEND = 'local';
  const choseLocal = environment.STORAGE_BACKEND === 'local';
  if (choseLocal && !environment.RAILWAY_VOLUME_MOUNT_PATH) environment.STORAGE_BASE_PATH ||= SAMPLE_DATA;
}
