/** How far the uploads of this process are. Several processes would keep this in Redis. */
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

const MOST_KEPT = 1000;
const KEPT_MILLISECONDS = 3_600_000;

/** `processed` comes after `uploaded`, when the work behind the response is done. */
export type UploadStatus = 'receiving' | 'uploaded' | 'processed' | 'failed';

export interface UploadState {
  readonly status: UploadStatus;
  /** Bytes of the request so far. */
  readonly received: number;
  /** Bytes that the client announced; left out where it did not. */
  readonly total?: number;
}

@Injectable()
export class UploadProgress {
  readonly #states = new LRUCache<string, () => UploadState>({ max: MOST_KEPT, ttl: KEPT_MILLISECONDS });

  /** @param look tells the state whenever it is asked for */
  follow(userId: string, uploadId: string, look: () => UploadState): void {
    this.#states.set(`${userId}/${uploadId}`, look);
  }

  stateOf(userId: string, uploadId: string): UploadState | undefined {
    return this.#states.get(`${userId}/${uploadId}`)?.();
  }
}
