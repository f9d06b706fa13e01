/** Recipe: a profile picture. */
import { Module } from '@nestjs/common';
import { AvatarController } from './avatar.controller.js';
import { AvatarOriginalsModule } from './avatar-originals.js';

@Module({ imports: [AvatarOriginalsModule], controllers: [AvatarController] })
export class AvatarModule {}
