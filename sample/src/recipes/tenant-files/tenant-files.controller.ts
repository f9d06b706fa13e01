/**
 * `POST /tenant-files/upload` and `GET /tenant-files`: the storage is the tenant's own, so no key of this file names a
 * tenant, and none can name another's.
 */
import { Controller, Get, Post, UploadedFile, UseGuards, UseInterceptors } from '@nestjs/common';
import type { Request } from 'express';
import { InjectStorage, StorageService } from 'nestjs-storage';
import { StorageFileInterceptor, type StagedFile, type StorageUploadOptions } from 'nestjs-storage/uploads';
import { currentUser, DemoAuthGuard, DemoTenantGuard, tenantOf } from '../demo-auth/demo-auth.guard.js';
import { uploadIdOf } from '../upload-id.js';
import { TENANT_STORAGE } from './tenant-storage.js';

const MOST_LISTED = 100;

const TENANT_UPLOAD: StorageUploadOptions = {
  storage: TENANT_STORAGE,
  required: true,
  // Everything but what a browser would run.
  accept: ['*/*'],
  key: ({ safeName }, context) => `files/${uploadIdOf(context)}/${safeName}`,
  metadata: ({ originalname }, context) => ({
    tenant_id: tenantOf(context.switchToHttp().getRequest<Request>())!,
    user_id: currentUser(context).id,
    filename: originalname,
    uploaded_at: new Date().toISOString(),
  }),
};

@Controller('tenant-files')
@UseGuards(DemoAuthGuard, DemoTenantGuard)
export class TenantFilesController {
  constructor(@InjectStorage(TENANT_STORAGE) private readonly storage: StorageService) {}

  @Post('upload')
  @UseInterceptors(StorageFileInterceptor('file', TENANT_UPLOAD))
  upload(@UploadedFile() { url, originalname }: StagedFile): { url?: string; filename: string } {
    return { url, filename: originalname };
  }

  /** Keys as the tenant knows them, at most 100. */
  @Get()
  async list(): Promise<{ files: string[]; count: number }> {
    const files = await this.storage.listKeys('files/', { limit: MOST_LISTED });
    return { files, count: files.length };
  }
}
