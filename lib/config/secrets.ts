/** Keeps secrets out of what doctor and command line say, whoever made the text. */
import { environmentSchema, variableName, type EnvironmentSource } from './environment.js';
import type { StorageOptions } from './options.js';
import { formsOf } from './secret-forms.js';

/** Access keys are no secrets alone; a report that is pasted into a ticket is better without them. */
const ALSO_HIDDEN = new Set(['STORAGE_S3_ACCESS_KEY', 'AWS_ACCESS_KEY_ID', 'STORAGE_CLOUDINARY_API_KEY']);

/** Shorter ones would blot out ordinary words, and protect nothing. */
const SHORTEST = 4;

/** Lines of a private key, which error messages quote one by one. */
const LONG_LINE = 30;

const MASK = '****';

/** Variables with a value that is hidden, by the names of the default storage. */
export const SECRET_VARIABLES: readonly string[] = Object.entries(environmentSchema.shape)
  .filter(([name, field]) => field.meta()?.secret === true || ALSO_HIDDEN.has(name))
  .map(([name]) => name);

function variables(env: EnvironmentSource, prefix: string): string[] {
  return SECRET_VARIABLES.flatMap((name) => [env[variableName(name, prefix)] ?? '', env[name] ?? '']);
}

/** Strings at any depth of options that hold credentials. */
function stringsOf(value: unknown, depth = 0): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || depth > 3) return [];
  return Object.values(value).flatMap((item) => stringsOf(item, depth + 1));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A secret that holds secrets: the key of a JSON document, user and password of a URL, items of a list, long lines. */
function partsOf(secret: string): string[] {
  const parts = secret.split(',').map((part) => part.trim());
  parts.push(...secret.split(/\r?\n|\\n/).filter((line) => line.length >= LONG_LINE));
  if (URL.canParse(secret)) {
    const { username, password } = new URL(secret);
    parts.push(username, password, decoded(username), decoded(password));
  }
  try {
    const { private_key: key, private_key_id: id } = JSON.parse(secret) as Record<string, unknown>;
    parts.push(...[...stringsOf(key), ...stringsOf(id)].flatMap(partsOf));
  } catch {
    // No JSON.
  }
  return [secret, ...parts];
}

/** What lets in without being a setting, and what is left in its place. */
const SIGNS: readonly (readonly [RegExp, string])[] = [
  // User name and password before the host.
  [/(\/\/)[^/@\s"']*@/g, `$1${MASK}@`],
  // Query strings sign.
  [/\?[^\s"'<>?]*=[^\s"'<>]*/g, `?${MASK}`],
  // Headers, as pages that quote a request show them: tokens that were fetched, and signatures that hold for minutes.
  [/\b(Bearer|Basic) +(?=\S*[\d=*])[\w~+/=.*-]+/gi, `$1 ${MASK}`],
  [/\b(Signature=)[0-9a-f]{32,}/gi, `$1${MASK}`],
];

function withoutSigns(text: string): string {
  return SIGNS.reduce((rest, [sign, instead]) => rest.replace(sign, instead), text);
}

export class Secrets {
  readonly #hidden = new Set<string>();

  constructor(options: StorageOptions) {
    const { s3, gcs, cloudinary, urls } = options;
    const { authTokenKey, apiKey, apiSecret } = cloudinary ?? {};
    const gcsKey = typeof gcs?.credentials === 'object' ? JSON.stringify(gcs.credentials) : gcs?.credentials;
    const given = [
      s3?.credentials,
      [s3?.cloudFront?.privateKey, s3?.cloudFront?.passphrase],
      gcsKey,
      [authTokenKey, apiKey, apiSecret],
      urls?.secret,
    ];
    const set = variables(options.env ?? process.env, options.envPrefix ?? 'STORAGE_');
    for (const secret of [...stringsOf(given), ...set]) this.hide(secret);
  }

  /** Also this one from now on. */
  hide(secret: string): void {
    const parts = partsOf(secret.trim()).filter((part) => part.length >= SHORTEST);
    for (const form of parts.flatMap(formsOf)) this.#hidden.add(form);
  }

  /** A URL that lets in who has it: neither its path nor its query is told. */
  hideLink(url: string): void {
    const { pathname, search } = new URL(url);
    this.hide(pathname + search);
    for (const part of pathname.split('/')) if (part.length > 64) this.hide(part);
  }

  /** The text without any of them. */
  scrub(text: string): string {
    const longestFirst = [...this.#hidden].sort((a, b) => b.length - a.length);
    return withoutSigns(longestFirst.reduce((rest, secret) => rest.replaceAll(secret, MASK), text));
  }
}
