/** What the signed routes of all storages of an app share. */
import { Global, Module, type NestModule } from '@nestjs/common';
import { SignedRoutes } from './signed-routes.js';
import { SignedUploadClaim } from './signed-upload.claim.js';

/** Global, so that its middleware comes before that of the app. */
@Global()
@Module({ providers: [SignedRoutes, SignedUploadClaim], exports: [SignedRoutes] })
export class SignedRoutesModule implements NestModule {
  readonly #claim: SignedUploadClaim;

  constructor(claim: SignedUploadClaim) {
    this.#claim = claim;
  }

  configure(): void {
    this.#claim.giveBack();
  }
}
