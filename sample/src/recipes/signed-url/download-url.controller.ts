/**
 * `GET /files/:id/download-url`: a link to a file of one's own. The storage's signed routes, `files/:token/:name`, have
 * the same shape, and leave to the app what does not look like a token.
 */
import {
  BadRequestException,
  Controller,
  Get,
  Header,
  NotFoundException,
  Param,
  ParseBoolPipe,
  ParseIntPipe,
  ParseUUIDPipe,
  Query,
  UseGuards,
} from '@nestjs/common';
import { InjectStorage, StorageService } from 'nestjs-storage';
import { CurrentUser } from '../demo-auth/demo-auth.decorators.js';
import { DemoAuthGuard } from '../demo-auth/demo-auth.guard.js';
import type { DemoUser } from '../demo-auth/demo-users.js';
import { keyOfOwnFile } from './own-files.js';

const SHORTEST = 60;
const LONGEST = 86_400;
const DEFAULT = 3600;

interface DownloadUrl {
  readonly url: string;
  /** Seconds. */
  readonly expires_in: number;
  /** ISO 8601. */
  readonly expires_at: string;
}

@Controller('files')
@UseGuards(DemoAuthGuard)
export class DownloadUrlController {
  constructor(@InjectStorage() private readonly storage: StorageService) {}

  /**
   * @param expiresIn seconds, 60 to 86,400 (a day); default 3,600
   * @param download `true` (default): browsers save the file; `false`: they show it where that is safe
   */
  @Get(':id/download-url')
  @Header('Cache-Control', 'no-store')
  async downloadUrl(
    @CurrentUser() user: DemoUser,
    @Param('id', ParseUUIDPipe) id: string,
    @Query('expires_in', new ParseIntPipe({ optional: true })) expiresIn = DEFAULT,
    @Query('download', new ParseBoolPipe({ optional: true })) download = true,
  ): Promise<DownloadUrl> {
    if (expiresIn < SHORTEST || expiresIn > LONGEST) {
      throw new BadRequestException(`expires_in must be ${SHORTEST} to ${LONGEST} seconds.`);
    }
    const key = await keyOfOwnFile(this.storage, user, id);
    if (key === undefined) throw new NotFoundException('File not found');
    const expiresAt = new Date(Date.now() + expiresIn * 1000);
    const url = await this.storage.getUrl(key, { expiresIn, download });
    return { url, expires_in: expiresIn, expires_at: expiresAt.toISOString() };
  }
}
