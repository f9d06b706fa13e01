/** The whole app: a storage, its health route, a few routes on it, and a page that uses them. */
import { Module } from '@nestjs/common';
import { StorageModule } from 'nestjs-storage';
import { StorageHealthModule } from 'nestjs-storage/health';
import { FilesModule } from './files/files.module.js';
import { PageModule } from './page/page.module.js';

@Module({
  imports: [
    // The environment says which store; the signed routes come with it under /files/:token/:name.
    StorageModule.forRoot(),
    // GET /_ops/health
    StorageHealthModule.forRoot(),
    FilesModule,
    PageModule,
  ],
})
export class AppModule {}
