/** The whole app: a storage, its health route, a few routes on it, the recipes, and a page. */
import { Module } from '@nestjs/common';
import { StorageModule } from 'nestjs-storage';
import { StorageHealthModule } from 'nestjs-storage/health';
import { FilesModule } from './files/files.module.js';
import { PageModule } from './page/page.module.js';
import { RecipesModule } from './recipes/recipes.module.js';
import { SignedUrlModule } from './recipes/signed-url/signed-url.module.js';

@Module({
  imports: [
    // The environment says which store; the signed routes come with it under /files/:token/:name.
    // The page previews PDF files, so this app lets browsers show them.
    StorageModule.forRoot({ urls: { inlineTypes: ['application/pdf'] } }),
    // GET /_ops/health
    StorageHealthModule.forRoot(),
    FilesModule,
    RecipesModule,
    SignedUrlModule,
    PageModule,
  ],
})
export class AppModule {}
