/** Recipe: files of tenants, kept apart. */
import { Module } from '@nestjs/common';
import { TenantFilesController } from './tenant-files.controller.js';

@Module({ controllers: [TenantFilesController] })
export class TenantFilesModule {}
