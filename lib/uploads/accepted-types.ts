/** The `accept` option: which media types a route takes. */
import { StorageConfigurationError } from '../contract/index.js';

const ENTRY = /^[a-z0-9!#$&^_.+-]+\/(?:\*|[a-z0-9!#$&^_.+-]+)$|^\*\/\*$/;

// Names that people type, and the registered type that the content is recognised as.
const REGISTERED: Readonly<Record<string, string>> = {
  'application/x-zip-compressed': 'application/zip',
  'audio/mp3': 'audio/mpeg',
  'audio/x-wav': 'audio/wav',
  'image/jpg': 'image/jpeg',
  'text/x-markdown': 'text/markdown',
};

const ACTIVE =
  /^(?:text\/(?:html|xml|javascript|xsl)|application\/(?:javascript|ecmascript|xml|x-shockwave-flash)|.+\+xml)$/;

/** Types that a browser would run or that can carry scripts: HTML, SVG, XML and JavaScript. */
export function isActiveType(type: string): boolean {
  return ACTIVE.test(type);
}

/** `image/png` is of the group `image/`. */
function groupOf(type: string): string {
  return type.slice(0, type.indexOf('/') + 1);
}

/** A checked list of media types, `image/*` and the like included. */
export class AcceptedTypes {
  readonly #exact = new Set<string>();
  readonly #groups = new Set<string>();

  /** @throws StorageConfigurationError that names the wrong entry */
  constructor(readonly entries: readonly string[]) {
    for (const entry of entries) {
      const type = typeof entry === 'string' ? entry.toLowerCase() : '';
      if (!ENTRY.test(type)) {
        throw new StorageConfigurationError({
          reason: `accept holds ${JSON.stringify(entry)}, which is not a media type`,
          advice: 'Examples are "image/*" and "application/pdf".',
        });
      }
      if (type.endsWith('/*')) this.#groups.add(type.slice(0, -1));
      else this.#exact.add(REGISTERED[type] ?? type);
    }
  }

  /** Why a type that is not included was refused, as a clause. */
  refusalOf(type: string): string {
    const named = this.#groups.has('*/') || this.#groups.has(groupOf(type));
    const but = named && isActiveType(type) ? ', but none that a browser could run (HTML, SVG, XML, scripts)' : '';
    return `the file is ${type}; accepted are ${this.entries.join(', ')}${but}`;
  }

  /** A wildcard never takes in a type that a browser would run: those must be named one by one. */
  includes(type: string): boolean {
    if (this.#exact.has(type)) return true;
    if (isActiveType(type)) return false;
    return this.#groups.has('*/') || this.#groups.has(groupOf(type));
  }
}
