/** Work for after the response: reads the stored file back and notes its SHA-256 beside it. */
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { Injectable } from '@nestjs/common';
import { InjectStorage, StorageService, type StoredFile } from 'nestjs-storage';

/** What is kept at `large-file-reports/<user>/<id>.json`. */
export interface ProcessingReport {
  readonly file_id: string;
  /** Bytes. */
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
  /** ISO 8601. */
  readonly processed_at: string;
}

export function reportKey(userId: string, fileId: string): string {
  return `large-file-reports/${userId}/${fileId}.json`;
}

@Injectable()
export class PostProcessing {
  constructor(@InjectStorage() private readonly storage: StorageService) {}

  /** A virus scan or a thumbnail goes the same way: by stream, whatever the size. */
  async process(userId: string, fileId: string, file: StoredFile): Promise<void> {
    const hash = createHash('sha256');
    await pipeline(await this.storage.getStream(file.key, { ifMatch: file.etag }), hash);
    const report: ProcessingReport = {
      file_id: fileId,
      size: file.size,
      sha256: hash.digest('hex'),
      processed_at: new Date().toISOString(),
    };
    await this.storage.put(reportKey(userId, fileId), JSON.stringify(report), { url: false });
  }
}
