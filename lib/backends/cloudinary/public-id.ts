/** Keys as public IDs and back, without loss: what Cloudinary would rewrite or refuse is escaped. */
import { contentTypeOf, parseKey, type StorageKey } from '../../contract/index.js';
import type { CloudinaryResourceType, ResourceTypeRule } from './cloudinary-options.js';

/** Name of an object at Cloudinary. */
export interface AssetName {
  readonly resourceType: CloudinaryResourceType;
  readonly publicId: string;
}

/** One listing at Cloudinary that holds some of the keys under a prefix, and perhaps others. */
export interface AssetSearch {
  readonly resourceType: CloudinaryResourceType;
  readonly prefix: string;
  readonly form: 'plain' | 'long' | 'any';
}

// https://cloudinary.com/documentation/ts_permitted_naming_conventions
const MAX_PUBLIC_ID = 255;
// Letters, digits, dot and dash are all that no rule there touches; "_" marks an escaped byte.
const UNSAFE = /[^A-Za-z0-9./-]/gu;
const ESCAPED = /_([0-9a-f]{2})/g;
// "_l" is no escaped byte, so no plain public ID is here.
const LONG_FOLDER = '_l/';
// A base64url text may end in a character that Cloudinary trims; a letter after it may not.
const LONG_END = 'z';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// SVG is left out: Cloudinary rewrites it. So is MPEG-TS, whose extension .ts is TypeScript's as well.
const IMAGES = /^image\/(?:avif|bmp|gif|heic|heif|jpeg|jxl|png|tiff|webp)$/;
const VIDEOS = /^(?:audio|video)\/(?!mp2t$)/;

const autoRule: ResourceTypeRule = (type) => (IMAGES.test(type) ? 'image' : VIDEOS.test(type) ? 'video' : 'raw');

function escapeByte(byte: number): string {
  return `_${byte.toString(16).padStart(2, '0')}`;
}

function escapePlain(text: string, resourceType: CloudinaryResourceType): string {
  const escaped = text
    .replace(UNSAFE, (char) => Array.from(Buffer.from(char), escapeByte).join(''))
    // A folder must not look like a version, and a name that begins with a dot is best not begun with one.
    .replace(/(^|\/)v(?=\d)/g, `$1${escapeByte(0x76)}`)
    .replace(/(^|\/)\./g, `$1${escapeByte(0x2e)}`);
  // Of images and videos, what follows the last dot is the format to deliver, not a part of the name.
  return resourceType === 'raw' ? escaped : escaped.replaceAll('.', escapeByte(0x2e));
}

/**
 * The mapping of one storage. A key becomes `<folder>/<key>` with unsafe bytes as `_xx`; one too long for that becomes
 * `<folder>/_l/<base64url>`. Which of the two, and which kind of asset, follows from the key alone.
 */
export class PublicIds {
  /** Longest key in UTF-8 bytes that surely fits, whatever its characters. */
  readonly maxKeyBytes: number;
  readonly #root: string;
  readonly #rule: ResourceTypeRule;
  readonly #resourceTypes: readonly CloudinaryResourceType[];

  constructor(folder: string, resourceType: 'raw' | 'auto' | ResourceTypeRule) {
    this.#root = `${folder}/`;
    this.#resourceTypes = resourceType === 'raw' ? ['raw'] : ['raw', 'image', 'video'];
    this.#rule = resourceType === 'raw' ? () => 'raw' : resourceType === 'auto' ? autoRule : resourceType;
    const room = MAX_PUBLIC_ID - this.#root.length - LONG_FOLDER.length - LONG_END.length;
    this.maxKeyBytes = Math.floor((room * 3) / 4);
  }

  of(key: string): AssetName {
    const resourceType = this.#rule(contentTypeOf(key));
    const plain = this.#root + escapePlain(key, resourceType);
    if (plain.length <= MAX_PUBLIC_ID) return { resourceType, publicId: plain };
    const long = Buffer.from(key).toString('base64url');
    return { resourceType, publicId: `${this.#root}${LONG_FOLDER}${long}${LONG_END}` };
  }

  /** A name beside all keys: it can be none's, and no listing shows it. */
  hidden(name: string): AssetName {
    return { resourceType: 'raw', publicId: `${this.#root}_x/${name}` };
  }

  /** The key of an asset; undefined for one that is not this storage's. */
  keyOf(asset: AssetName): StorageKey | undefined {
    if (!asset.publicId.startsWith(this.#root)) return undefined;
    const rest = asset.publicId.slice(this.#root.length);
    try {
      const bytes = rest.startsWith(LONG_FOLDER)
        ? Buffer.from(rest.slice(LONG_FOLDER.length, -LONG_END.length), 'base64url')
        : Buffer.from(
            rest.replace(ESCAPED, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
            'latin1',
          );
      const key = parseKey(utf8.decode(bytes));
      const name = this.of(key);
      // One key, one name: another spelling of it was not made here.
      return name.publicId === asset.publicId && name.resourceType === asset.resourceType ? key : undefined;
    } catch {
      return undefined;
    }
  }

  /** Whether an asset found by a search is one that this search is there for. */
  belongs(publicId: string, search: AssetSearch): boolean {
    return search.form === 'any' || publicId.startsWith(this.#root + LONG_FOLDER) === (search.form === 'long');
  }

  /** The searches that together find every key under a prefix. */
  searches(prefix: string): AssetSearch[] {
    if (prefix === '') {
      return this.#resourceTypes.map((resourceType) => ({ resourceType, prefix: this.#root, form: 'any' as const }));
    }
    // Whether a "v" at the end is escaped depends on what follows: search without it.
    const open = prefix.replace(/(^|\/)v$/, '$1');
    const bytes = Buffer.from(prefix);
    // Three bytes are four characters; what is left over cannot be searched for.
    const aligned = bytes.subarray(0, bytes.length - (bytes.length % 3)).toString('base64url');
    return this.#resourceTypes.flatMap((resourceType): AssetSearch[] => [
      { resourceType, prefix: this.#root + escapePlain(open, resourceType), form: 'plain' },
      { resourceType, prefix: this.#root + LONG_FOLDER + aligned, form: 'long' },
    ]);
  }
}
