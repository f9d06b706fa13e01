/** Keeps the secrets of the environment out of what is written, those of every storage that it sets up. */
import { SECRET_VARIABLES, Secrets } from '../config/secrets.js';

// Also with a prefix of a named storage.
const ENDS = SECRET_VARIABLES.map((name) => name.replace(/^STORAGE_/, '_'));

/** The text with every secret of the environment, and what signs or lets in with a URL, as asterisks. */
export function masked(text: string, environment: NodeJS.ProcessEnv = process.env): string {
  const secrets = new Secrets({ env: environment });
  for (const [name, value = ''] of Object.entries(environment)) {
    if (ENDS.some((end) => name.endsWith(end))) secrets.hide(value);
  }
  return secrets.scrub(text);
}
