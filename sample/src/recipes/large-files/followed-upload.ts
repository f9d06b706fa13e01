/** One upload as it is followed: counts what its connection has read, without touching the body. */
import type { IncomingMessage } from 'node:http';
import type { UploadState, UploadStatus } from './upload-progress.js';

const followed = new WeakMap<object, FollowedUpload>();

export class FollowedUpload {
  /** Let go at the end: the state is kept for longer than the connection. */
  #socket: IncomingMessage['socket'] | undefined;
  readonly #begun: number;
  readonly #total: number | undefined;
  #ended: UploadState | undefined;

  constructor(request: IncomingMessage) {
    const announced = Number(request.headers['content-length']);
    this.#socket = request.socket;
    this.#begun = request.socket.bytesRead;
    this.#total = Number.isSafeInteger(announced) ? announced : undefined;
    followed.set(request, this);
  }

  static of(request: object): FollowedUpload | undefined {
    return followed.get(request);
  }

  state(): UploadState {
    if (this.#ended) return this.#ended;
    // What came in one packet with the headers was read before the count began; TLS adds a little of its own.
    const read = (this.#socket?.bytesRead ?? this.#begun) - this.#begun;
    const received = this.#total === undefined ? read : Math.min(read, this.#total);
    return { status: 'receiving', received, total: this.#total };
  }

  end(status: Exclude<UploadStatus, 'receiving'>): void {
    const { received, total } = this.state();
    this.#ended = { status, received: status === 'failed' ? received : (total ?? received), total };
    this.#socket = undefined;
  }
}
