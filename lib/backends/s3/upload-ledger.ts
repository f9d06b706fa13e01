/** Keeps account of uploads that may have stayed open, so that none is forgotten. */
import { setMaxListeners } from 'node:events';
import type { Published, UploadKeeper } from './multipart-upload.js';
import type { NewObject } from './new-object.js';
import type { S3Connection } from './s3.connection.js';
import type { S3Warning } from './s3.options.js';
import { warn } from './s3.warnings.js';

const UNTIL_SWEPT = 'and takes room in the bucket until sweepUploads() or a lifecycle rule removes it.';
/** Milliseconds that a process which ends may wait for a store that does not answer. */
const SETTLE_WITHIN = 5000;

type Look = (object: NewObject) => Promise<Published>;

export class UploadLedger implements UploadKeeper {
  readonly #connection: S3Connection;
  readonly #look: Look;
  /** Uploads that are open for certain, by id, with their key. */
  readonly #open = new Map<string, string>();
  failedAborts = 0;

  constructor(connection: S3Connection, look: Look) {
    this.#connection = connection;
    this.#look = look;
  }

  async look(object: NewObject): Promise<Published | undefined> {
    try {
      return await this.#look(object);
    } catch {
      return undefined;
    }
  }

  abandoned(key: string, uploadId: string, cause: unknown): void {
    this.#open.set(uploadId, key);
    this.#tell({ message: `A multipart upload could not be aborted ${UNTIL_SWEPT}`, key, uploadId, cause });
  }

  unnamed(key: string, cause: unknown): void {
    this.#tell({
      message: `A multipart upload may be open whose id was lost with an answer ${UNTIL_SWEPT}`,
      key,
      cause,
    });
  }

  #tell(warning: S3Warning): void {
    this.failedAborts++;
    warn(this.#connection.settings.options, warning);
  }

  /** Tries again, once. What does not answer in time is left to the sweep. @param within milliseconds */
  async settle(within = SETTLE_WITHIN): Promise<void> {
    const { bucket } = this.#connection.settings;
    const abortSignal = AbortSignal.timeout(within);
    setMaxListeners(0, abortSignal);
    const abort = ([UploadId, Key]: [string, string]) =>
      this.#connection.run({ operation: 'maintain', backend: 's3', key: Key }, {}, (client, sdk) =>
        client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }), { abortSignal }),
      );
    // Failures were told when they happened first.
    await Promise.allSettled([...this.#open].map(abort));
    this.#open.clear();
  }
}
