/** Rules of large uploads: where they are stored, and what is done once they are. */
import type { StorageUploadOptionsFactory } from 'nestjs-storage/uploads';
import { currentUser } from '../demo-auth/demo-auth.guard.js';
import { uploadIdOf } from '../upload-id.js';
import { FollowedUpload } from './followed-upload.js';
import { PostProcessing } from './post-processing.js';

export const largeFileUpload: StorageUploadOptionsFactory = {
  inject: [PostProcessing],
  useFactory: (processing: PostProcessing) => ({
    required: true,
    limits: { fileSize: '5gb' },
    accept: ['*/*'],
    key: ({ safeName }, context) => `large-files/${currentUser(context).id}/${uploadIdOf(context)}/${safeName}`,
    metadata: ({ originalname }, context) => ({
      user_id: currentUser(context).id,
      file_id: uploadIdOf(context),
      original_filename: originalname,
      uploaded_at: new Date().toISOString(),
    }),
    afterCommit: async ([file], context) => {
      const upload = FollowedUpload.of(context.switchToHttp().getRequest<object>());
      try {
        await processing.process(currentUser(context).id, uploadIdOf(context), file!);
        upload?.end('processed');
      } catch (error) {
        upload?.end('failed');
        throw error;
      }
    },
  }),
};
