/** `POST /upload`: a file is streamed into the store and becomes visible once the handler has succeeded. */
import { Controller, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { StorageFileInterceptor, type StagedFile, type StorageUploadOptions } from 'nestjs-storage/uploads';
import { filenameOf, uploadKey } from './file-keys.js';

const RULES: StorageUploadOptions = {
  key: uploadKey,
  required: true,
  limits: { fileSize: '1gb' },
  // Everything but what a browser would run (HTML, SVG, XML, JavaScript): a wildcard never takes those in.
  accept: ['*/*'],
};

interface UploadAnswer {
  /** Signed, with the default expiry. */
  readonly url: string | undefined;
  readonly filename: string;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly contentType: string;
  /** SHA-256 in hex. */
  readonly checksum: string | undefined;
}

function answer({ url, key, size, contentType, checksum }: StagedFile): UploadAnswer {
  return { url, filename: filenameOf(key), key, size, contentType, checksum };
}

@Controller('upload')
export class UploadController {
  /** Replaces a file of the same name. Readers see the old one until the new one is whole. */
  @Post()
  @UseInterceptors(StorageFileInterceptor('file', RULES))
  upload(@UploadedFile() file: StagedFile): UploadAnswer {
    return answer(file);
  }

  /** Refuses with 409 where the name is taken. */
  @Post('new')
  @UseInterceptors(StorageFileInterceptor('file', { ...RULES, ifNoneMatch: '*' }))
  uploadNew(@UploadedFile() file: StagedFile): UploadAnswer {
    return answer(file);
  }
}
