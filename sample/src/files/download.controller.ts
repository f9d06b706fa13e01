/** `GET /download/:filename`: the bytes through a route of the app, where its own guards can stand. */
import { Controller, Get, Header, Param, StreamableFile } from '@nestjs/common';
import { create as contentDisposition } from 'content-disposition';
import { InjectStorage, StorageService } from 'nestjs-storage';
import { keyOf } from './file-keys.js';

@Controller('download')
export class DownloadController {
  constructor(@InjectStorage() private readonly storage: StorageService) {}

  /** Streams the file. A missing one is answered with 404 by the storage's exception filter. */
  @Get(':filename')
  @Header('X-Content-Type-Options', 'nosniff')
  @Header('Cache-Control', 'private, no-cache')
  async download(@Param('filename') filename: string): Promise<StreamableFile> {
    const { file, body } = await this.storage.open(keyOf(filename));
    return new StreamableFile(body, {
      type: file.contentType,
      length: file.size,
      disposition: contentDisposition(filename),
    });
  }
}
