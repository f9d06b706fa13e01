/** Options of the local backend, their defaults and their checks. */
import { StorageConfigurationError } from '../../contract/index.js';

/** Options of the local backend. */
export interface LocalBackendOptions {
  /** The folder that holds the files. The first write makes it where it is missing; existing files in it are objects. */
  readonly root: string;
  /**
   * `full` (default): a put that resolved survives a power cut: file, record and folders are synced. `rename`: it
   * survives the end of the process, and is never torn by one.
   */
  readonly durability?: 'full' | 'rename';
  /** Mode of new files, whatever the umask. Default 0o600. */
  readonly fileMode?: number;
  /** Mode of new folders, less the umask. Default 0o700. */
  readonly dirMode?: number;
  /**
   * Seconds after which a temporary file of another host, container or boot counts as left behind; of this one, those
   * of dead processes go at once. Longer than any upload takes. Default 86,400.
   */
  readonly sweepAfter?: number;
  /** Seconds for which the metadata of a replaced version is kept for readers that hold it open. Default 10. */
  readonly metadataGrace?: number;
}

export interface LocalSettings {
  readonly root: string;
  readonly durable: boolean;
  readonly fileMode: number;
  readonly dirMode: number;
  readonly sweepAfter: number;
  readonly metadataGrace: number;
  /** Prove paths by descriptors (Linux). False only in tests of the way that other systems take. */
  readonly descriptors: boolean;
}

/** @throws StorageConfigurationError */
export function localSettings(options: LocalBackendOptions & { readonly descriptors?: boolean }): LocalSettings {
  const { root, durability = 'full', fileMode = 0o600, dirMode = 0o700 } = options;
  const { sweepAfter = 86_400, metadataGrace = 10, descriptors = true } = options;
  if (typeof root !== 'string' || root === '' || root.includes('\0')) throw wrong('root must be the path of a folder');
  if (durability !== 'full' && durability !== 'rename') throw wrong("durability must be 'full' or 'rename'");
  for (const [name, mode, least] of [['fileMode', fileMode, 0o600] as const, ['dirMode', dirMode, 0o700] as const]) {
    if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777 || (mode & least) !== least) {
      throw wrong(`${name} must be a mode that lets the owner in, such as 0o${least.toString(8)}`);
    }
  }
  for (const [name, seconds] of Object.entries({ sweepAfter, metadataGrace })) {
    if (!Number.isFinite(seconds) || seconds < 0) throw wrong(`${name} must be a number of seconds, 0 or more`);
  }
  return { root, durable: durability === 'full', fileMode, dirMode, sweepAfter, metadataGrace, descriptors };
}

function wrong(reason: string): StorageConfigurationError {
  return new StorageConfigurationError({ backend: 'local', reason });
}
