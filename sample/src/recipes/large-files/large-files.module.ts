/** Recipe: large uploads with progress, and work after the response. */
import { Module } from '@nestjs/common';
import { LargeFilesController } from './large-files.controller.js';
import { PostProcessing } from './post-processing.js';
import { UploadProgress } from './upload-progress.js';

@Module({ controllers: [LargeFilesController], providers: [PostProcessing, UploadProgress] })
export class LargeFilesModule {}
