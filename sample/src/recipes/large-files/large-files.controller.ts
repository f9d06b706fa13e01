/**
 * `POST /large-files/upload` streams a file of any size into the store; `GET /large-files/progress/:upload_id` tells how
 * far it is, and then whether the work after it is done.
 */
import {
  Controller,
  Get,
  Header,
  NotFoundException,
  Param,
  ParseUUIDPipe,
  Post,
  UploadedFile,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { StorageFileInterceptor, type StagedFile } from 'nestjs-storage/uploads';
import { CurrentUser } from '../demo-auth/demo-auth.decorators.js';
import { DemoAuthGuard } from '../demo-auth/demo-auth.guard.js';
import type { DemoUser } from '../demo-auth/demo-users.js';
import { UploadId } from '../upload-id.js';
import { largeFileUpload } from './large-file-upload.js';
import { ProgressInterceptor } from './progress.interceptor.js';
import { UploadProgress, type UploadState } from './upload-progress.js';

interface LargeFileAnswer {
  readonly file_id: string;
  readonly url?: string;
  /** Bytes. */
  readonly size: number;
  readonly status: 'uploaded';
}

@Controller('large-files')
@UseGuards(DemoAuthGuard)
export class LargeFilesController {
  constructor(private readonly progress: UploadProgress) {}

  /** The client that wants to follow it chooses a UUID: `?upload_id=`. */
  @Post('upload')
  @UseInterceptors(ProgressInterceptor, StorageFileInterceptor('file', largeFileUpload))
  upload(@UploadedFile() { url, size }: StagedFile, @UploadId() id: string): LargeFileAnswer {
    return { file_id: id, url, size, status: 'uploaded' };
  }

  /** Of the caller's own uploads to this process; kept for an hour. */
  @Get('progress/:upload_id')
  @Header('Cache-Control', 'no-store')
  state(@CurrentUser() user: DemoUser, @Param('upload_id', ParseUUIDPipe) id: string): UploadState {
    const state = this.progress.stateOf(user.id, id);
    if (!state) throw new NotFoundException('No such upload');
    return state;
  }
}
