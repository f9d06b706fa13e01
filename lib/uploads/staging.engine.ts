/** The multer storage engine: stages each file while the body is parsed. Publishing is not its business. */
import type { Readable } from 'node:stream';
import { callbackify } from 'node:util';
import type { StorageEngine } from 'multer';
import type { StagedFile } from './staged-file.js';

/** A file as multer announces it. */
export interface IncomingFile {
  readonly fieldname: string;
  readonly originalname: string;
  readonly stream: Readable;
}

export type FileReceiver = (file: IncomingFile) => Promise<StagedFile>;

/** Multer's file entry, by which the staged file is found again. */
export interface EngineFile {
  readonly staged: StagedFile;
}

const receivers = new WeakMap<object, FileReceiver>();

/** Says who takes the files of a request. */
export function receiveFilesOf(request: object, receiver: FileReceiver): void {
  receivers.set(request, receiver);
}

/**
 * One engine for every route and platform. What multer drops after all (a sibling failed, a limit was passed) it need
 * not remove: the transaction behind the receiver ends everything that is not published, also where multer forgets to
 * ask, as for the file in flight when a client leaves.
 */
export const stagingEngine: StorageEngine = {
  _handleFile(request, file, callback) {
    const receive = receivers.get(request);
    if (!receive) return callback(new TypeError('the storage engine works only within an upload interceptor'));
    const stage = async (incoming: IncomingFile): Promise<object> => {
      try {
        return { staged: await receive(incoming) } satisfies EngineFile;
      } catch (error) {
        // Unread bytes would hold up the parser.
        incoming.stream.resume();
        throw error;
      }
    };
    callbackify(stage)(file, callback);
  },
  _removeFile(_request, _file, callback) {
    callback(null);
  },
};
