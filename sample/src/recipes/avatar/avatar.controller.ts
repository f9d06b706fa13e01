/** `POST /users/me/avatar`: a picture, checked by its content, resized, and stored under `avatars/<user>/profile.<ext>`. */
import { pipeline } from 'node:stream/promises';
import { BadRequestException, Controller, Post, UploadedFile, UseGuards, UseInterceptors } from '@nestjs/common';
import { InjectStorage, SourceFailedError, StorageService, type StoredFile } from 'nestjs-storage';
import { StorageFileInterceptor, type StagedFile } from 'nestjs-storage/uploads';
import { CurrentUser } from '../demo-auth/demo-auth.decorators.js';
import { DemoAuthGuard } from '../demo-auth/demo-auth.guard.js';
import type { DemoUser } from '../demo-auth/demo-users.js';
import { avatarResizer, extensionOf, type AvatarType } from './avatar-image.js';
import { avatarUpload } from './avatar-originals.js';

@Controller('users/me/avatar')
@UseGuards(DemoAuthGuard)
export class AvatarController {
  constructor(@InjectStorage() private readonly storage: StorageService) {}

  /** 415 for anything but JPEG, PNG, GIF and WebP, 413 over 2 MB, 400 for what only begins like a picture. */
  @Post()
  @UseInterceptors(StorageFileInterceptor('file', avatarUpload))
  async upload(@UploadedFile() original: StagedFile, @CurrentUser() user: DemoUser): Promise<{ avatar_url?: string }> {
    const avatar = await this.#store(original, user);
    await this.#removeFormer(avatar, user);
    // Here an app notes avatar.key in the record of its user.
    return { avatar_url: avatar.url };
  }

  /** Streams from the original through the resizer into the store. The old avatar stays until the new one is whole. */
  async #store(original: StagedFile, user: DemoUser): Promise<StoredFile> {
    const type = original.mimetype as AvatarType;
    const key = `${folderOf(user)}profile.${extensionOf(type)}`;
    const resizer = avatarResizer(type);
    // A failure of either side ends both, and so fails put(), which tells it.
    const feeding = pipeline(await original.open!(), resizer).catch(() => undefined);
    try {
      return await this.storage.put(key, resizer, {
        contentType: type,
        metadata: {
          user_id: user.id,
          original_filename: original.originalname,
          uploaded_at: new Date().toISOString(),
        },
      });
    } catch (error) {
      if (error instanceof SourceFailedError) throw new BadRequestException('Invalid image file', { cause: error });
      throw error;
    } finally {
      await feeding;
    }
  }

  /** Of another format. What came later than this one, from a second request, stays. */
  async #removeFormer(avatar: StoredFile, user: DemoUser): Promise<void> {
    const { files } = await this.storage.listPage({ prefix: folderOf(user) });
    const former = files.filter(({ key, lastModified }) => key !== avatar.key && lastModified < avatar.lastModified);
    await this.storage.deleteMany(former.map(({ key }) => key));
  }
}

function folderOf(user: DemoUser): string {
  return `avatars/${user.id}/`;
}
