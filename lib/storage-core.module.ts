/** What all storages of one app share. Nest keeps one instance of it, however often it is imported. */
import { Global, Module } from '@nestjs/common';
import { SignedRoutesModule } from './files/index.js';
import { StorageRegistry } from './service/storage.registry.js';

@Global()
@Module({ imports: [SignedRoutesModule], providers: [StorageRegistry], exports: [StorageRegistry, SignedRoutesModule] })
export class StorageCoreModule {}
