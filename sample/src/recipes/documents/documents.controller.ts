/**
 * `POST /documents/upload` and `GET /documents`: documents that carry who, what and when as metadata, under
 * `documents/<user>/<category>/<id>/<file name>`.
 */
import {
  Controller,
  Get,
  Post,
  Query,
  Req,
  UploadedFile,
  UseGuards,
  UseInterceptors,
  type ExecutionContext,
} from '@nestjs/common';
import type { Request } from 'express';
import { InjectStorage, StorageFileNotFoundError, StorageService, type StoredFile } from 'nestjs-storage';
import { StorageFileInterceptor, type StagedFile, type StorageUploadOptions } from 'nestjs-storage/uploads';
import { CurrentUser } from '../demo-auth/demo-auth.decorators.js';
import { currentUser, DemoAuthGuard } from '../demo-auth/demo-auth.guard.js';
import type { DemoUser } from '../demo-auth/demo-users.js';
import { UploadId, uploadIdOf } from '../upload-id.js';
import { checkedCategory, documentQuery } from './document-query.js';

const MOST_LISTED = 100;

const DOCUMENT_UPLOAD: StorageUploadOptions = {
  required: true,
  limits: { fileSize: '20mb' },
  // Everything but what a browser would run.
  accept: ['*/*'],
  key: ({ safeName }, context) => {
    const { category } = documentQuery(requestOf(context));
    return `documents/${currentUser(context).id}/${category}/${uploadIdOf(context)}/${safeName}`;
  },
  metadata: ({ originalname }, context) => {
    const { category, tags } = documentQuery(requestOf(context));
    return {
      user_id: currentUser(context).id,
      document_id: uploadIdOf(context),
      category,
      tags: tags.join(','),
      original_filename: originalname,
      uploaded_at: new Date().toISOString(),
    };
  },
};

interface UploadedDocument {
  readonly document_id: string;
  readonly url?: string;
  readonly filename: string;
  /** Bytes. */
  readonly size: number;
  readonly category: string;
  readonly tags: readonly string[];
}

interface ListedDocument {
  readonly key: string;
  readonly filename?: string;
  /** Bytes. */
  readonly size: number;
  readonly category?: string;
  /** ISO 8601. */
  readonly uploaded_at?: string;
}

@Controller('documents')
@UseGuards(DemoAuthGuard)
export class DocumentsController {
  constructor(@InjectStorage() private readonly storage: StorageService) {}

  @Post('upload')
  @UseInterceptors(StorageFileInterceptor('file', DOCUMENT_UPLOAD))
  upload(@UploadedFile() file: StagedFile, @UploadId() id: string, @Req() request: Request): UploadedDocument {
    const { url, originalname, size } = file;
    // Here an app writes the record of its document: should that fail, the file is not published either.
    return { document_id: id, url, filename: originalname, size, ...documentQuery(request) };
  }

  /** The caller's own, at most 100. */
  @Get()
  async list(
    @CurrentUser() user: DemoUser,
    @Query('category') category?: string,
  ): Promise<{ documents: ListedDocument[] }> {
    const folder = `documents/${user.id}/`;
    const prefix = category === undefined ? folder : `${folder}${checkedCategory(category)}/`;
    const keys = await this.storage.listKeys(prefix, { limit: MOST_LISTED });
    const files = await Promise.all(keys.map((key) => this.#metadata(key)));
    return { documents: files.filter((file) => file !== undefined).map(listed) };
  }

  /** Undefined for a file that was deleted since it was listed. */
  async #metadata(key: string): Promise<StoredFile | undefined> {
    try {
      return await this.storage.getMetadata(key);
    } catch (error) {
      if (error instanceof StorageFileNotFoundError) return undefined;
      throw error;
    }
  }
}

function requestOf(context: ExecutionContext): Request {
  return context.switchToHttp().getRequest<Request>();
}

function listed({ key, size, metadata }: StoredFile): ListedDocument {
  const { original_filename, category, uploaded_at } = metadata;
  return { key, filename: original_filename, size, category, uploaded_at };
}
