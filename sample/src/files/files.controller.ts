/** `GET /files` lists, `DELETE /files/:filename` deletes. The storage's signed routes live beside them. */
import { Controller, Delete, Get, Param, Query } from '@nestjs/common';
import {
  InjectStorage,
  StorageFileNotFoundError,
  StorageService,
  type ListedFile,
  type StoredFile,
} from 'nestjs-storage';
import { filenameOf, keyOf, UPLOADS } from './file-keys.js';

const PAGE_SIZE = 50;

interface FileAnswer {
  readonly filename: string;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly contentType: string;
  /** ISO 8601. */
  readonly lastModified: string;
}

interface FilesAnswer {
  readonly files: readonly FileAnswer[];
  /** For the next page; left out on the last. */
  readonly cursor?: string;
}

@Controller('files')
export class FilesController {
  constructor(@InjectStorage() private readonly storage: StorageService) {}

  /** One page in the order of names. */
  @Get()
  async list(@Query('cursor') cursor?: string): Promise<FilesAnswer> {
    const page = await this.storage.listPage({ prefix: UPLOADS, delimiter: '/', limit: PAGE_SIZE, cursor });
    // Listings know no types: they are asked for, one page at a time.
    const files = await Promise.all(page.files.map((file) => this.#metadata(file)));
    return {
      files: files.filter((file) => file !== undefined).map(fileAnswer),
      ...(page.cursor !== undefined && { cursor: page.cursor }),
    };
  }

  @Delete(':filename')
  async delete(@Param('filename') filename: string): Promise<{ status: 'deleted' }> {
    const key = keyOf(filename);
    if (await this.storage.delete(key)) return { status: 'deleted' };
    throw new StorageFileNotFoundError({ operation: 'delete', key, backend: this.storage.backendName });
  }

  /** Undefined for a file that was deleted since it was listed. */
  async #metadata({ key }: ListedFile): Promise<StoredFile | undefined> {
    try {
      return await this.storage.getMetadata(key);
    } catch (error) {
      if (error instanceof StorageFileNotFoundError) return undefined;
      throw error;
    }
  }
}

function fileAnswer({ key, size, contentType, lastModified }: StoredFile): FileAnswer {
  return { filename: filenameOf(key), key, size, contentType, lastModified: lastModified.toISOString() };
}
