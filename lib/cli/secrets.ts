/** Keeps the secrets of the environment out of what is written. */
import { environmentSchema } from '../config/environment.js';

const SECRET_NAMES = Object.entries(environmentSchema.shape)
  .filter(([, schema]) => schema.meta()?.secret === true)
  // Also with a prefix of a named storage.
  .map(([name]) => name.replace(/^STORAGE_/, '_'));

// Shorter values are words that stand in texts by chance, and no secret.
const SHORTEST = 6;

/** The text with every secret of the environment, and every password in a URL, as asterisks. */
export function masked(text: string, environment: NodeJS.ProcessEnv = process.env): string {
  const secrets = Object.entries(environment)
    .filter(([name]) => SECRET_NAMES.some((secret) => name.endsWith(secret)))
    .flatMap(([, value = '']) => value.split(',').concat(value))
    .map((secret) => secret.trim())
    .filter((secret) => secret.length >= SHORTEST)
    // The longer first: one may hold another.
    .sort((a, b) => b.length - a.length);
  const without = secrets.reduce((rest, secret) => rest.replaceAll(secret, '****'), text);
  return without.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s"]*@/gi, '$1****@');
}
