/** All recipes but the one whose route needs a place of its own: see signed-url/. */
import { Module } from '@nestjs/common';
import { AvatarModule } from './avatar/avatar.module.js';
import { DocumentsModule } from './documents/documents.module.js';
import { LargeFilesModule } from './large-files/large-files.module.js';
import { TenantFilesModule } from './tenant-files/tenant-files.module.js';

@Module({ imports: [AvatarModule, DocumentsModule, TenantFilesModule, LargeFilesModule] })
export class RecipesModule {}
