/** What all storages of one app share. Nest keeps one instance of it, however often it is imported. */
import { Global, Module, type NestModule } from '@nestjs/common';
import { SignedRoutesModule } from './files/index.js';
import { HttpSupportModule } from './http/http-support.module.js';
import { RequestScope } from './http/request-scope.js';
import { RunningWork } from './service/running-work.js';
import { StorageRegistry } from './service/storage.registry.js';

@Global()
@Module({
  imports: [SignedRoutesModule, HttpSupportModule],
  providers: [StorageRegistry, RunningWork, RequestScope],
  exports: [StorageRegistry, RunningWork, SignedRoutesModule, HttpSupportModule],
})
export class StorageCoreModule implements NestModule {
  readonly #requests: RequestScope;

  constructor(requests: RequestScope) {
    this.#requests = requests;
  }

  configure(): void {
    this.#requests.follow();
  }
}
