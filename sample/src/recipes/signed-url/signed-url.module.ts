/** Recipe: an endpoint that gives out signed URLs. */
import { Module } from '@nestjs/common';
import { DownloadUrlController } from './download-url.controller.js';

@Module({ controllers: [DownloadUrlController] })
export class SignedUrlModule {}
