/** Keeps account of uploads that could not be aborted, so that none is forgotten. */
import type { Published, UploadKeeper } from './multipart-upload.js';
import type { NewObject } from './new-object.js';
import type { S3Connection } from './s3.connection.js';
import type { S3Warning } from './s3.options.js';

type Look = (object: NewObject) => Promise<Published>;

function emitWarning({ message, cause }: S3Warning): void {
  process.emitWarning(message, { type: 'StorageWarning', detail: cause instanceof Error ? cause.message : undefined });
}

export class UploadLedger implements UploadKeeper {
  readonly #connection: S3Connection;
  readonly #look: Look;
  /** Uploads by id, with their key. */
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
    this.failedAborts++;
    this.#open.set(uploadId, key);
    const warn = this.#connection.settings.options.onWarning ?? emitWarning;
    const message = `A multipart upload could not be aborted and takes room in the bucket until sweepUploads() or a lifecycle rule removes it.`;
    warn({ message, key, uploadId, cause });
  }

  /** Tries again, once. */
  async settle(): Promise<void> {
    const { bucket } = this.#connection.settings;
    for (const [UploadId, Key] of this.#open) {
      try {
        await this.#connection.run({ operation: 'maintain', backend: 's3', key: Key }, {}, (client, sdk) =>
          client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId })),
        );
      } catch {
        // It was told when it failed first; the sweep is what is left.
      }
    }
    this.#open.clear();
  }
}
