/** Recipe: files of tenants, kept apart. */
import { Module } from '@nestjs/common';
import { TenantFilesController } from './tenant-files.controller.js';
import { TenantStorageModule } from './tenant-storage.js';

@Module({ imports: [TenantStorageModule], controllers: [TenantFilesController] })
export class TenantFilesModule {}
