/** Where originals wait while they are resized: in memory, 64 MB for all of them together, and never in the store. */
import { getStorageToken, StorageModule, type StorageService } from 'nestjs-storage';
import type { StorageUploadOptionsFactory } from 'nestjs-storage/uploads';
import { uploadIdOf } from '../upload-id.js';
import { AVATAR_TYPES } from './avatar-image.js';

const ORIGINALS = 'avatar-originals';

export const AvatarOriginalsModule = StorageModule.forRoot({
  name: ORIGINALS,
  backend: 'memory',
  memory: { maxBytes: '64mb' },
  controller: false,
  exceptionFilter: false,
  isGlobal: false,
});

export const avatarUpload: StorageUploadOptionsFactory = {
  inject: [getStorageToken(ORIGINALS)],
  useFactory: (originals: StorageService) => ({
    storage: ORIGINALS,
    key: (_file, context) => uploadIdOf(context),
    accept: AVATAR_TYPES,
    limits: { fileSize: '2mb' },
    required: true,
    afterCommit: async (files) => {
      await originals.deleteMany(files.map((file) => file.key));
    },
  }),
};
