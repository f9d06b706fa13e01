/**
 * `POST /tenant-files/upload` and `GET /tenant-files`: every file of a tenant is below `tenants/<tenant>/`, and no
 * request reaches the files of another.
 */
import { Controller, Get, Post, UploadedFile, UseGuards, UseInterceptors } from '@nestjs/common';
import { InjectStorage, StorageService } from 'nestjs-storage';
import { StorageFileInterceptor, type StagedFile, type StorageUploadOptions } from 'nestjs-storage/uploads';
import { CurrentTenant } from '../demo-auth/demo-auth.decorators.js';
import { currentTenant, currentUser, DemoAuthGuard, DemoTenantGuard } from '../demo-auth/demo-auth.guard.js';
import { uploadIdOf } from '../upload-id.js';

const MOST_LISTED = 100;

function tenantFolder(tenant: string): string {
  return `tenants/${tenant}`;
}

const TENANT_UPLOAD: StorageUploadOptions = {
  required: true,
  accept: ['*/*'],
  key: ({ safeName }, context) => `${tenantFolder(currentTenant(context))}/files/${uploadIdOf(context)}/${safeName}`,
  metadata: ({ originalname }, context) => ({
    tenant_id: currentTenant(context),
    user_id: currentUser(context).id,
    filename: originalname,
    uploaded_at: new Date().toISOString(),
  }),
};

@Controller('tenant-files')
@UseGuards(DemoAuthGuard, DemoTenantGuard)
export class TenantFilesController {
  constructor(@InjectStorage() private readonly storage: StorageService) {}

  @Post('upload')
  @UseInterceptors(StorageFileInterceptor('file', TENANT_UPLOAD))
  upload(@UploadedFile() { url, originalname }: StagedFile): { url?: string; filename: string } {
    return { url, filename: originalname };
  }

  /** Keys as the tenant knows them, at most 100: what is before them is nobody's business. */
  @Get()
  async list(@CurrentTenant() tenant: string): Promise<{ files: string[]; count: number }> {
    const files = await this.storage.scope(tenantFolder(tenant)).listKeys('files/', { limit: MOST_LISTED });
    return { files, count: files.length };
  }
}
