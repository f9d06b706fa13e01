/** `GET /links/:filename`: a signed URL that whoever holds it can open until it expires. */
import { BadRequestException, Controller, Get, Header, Param, ParseIntPipe, Query } from '@nestjs/common';
import { InjectStorage, StorageService } from 'nestjs-storage';
import { keyOf } from './file-keys.js';

const SHORTEST = 60;
const LONGEST = 604_800;

interface LinkAnswer {
  readonly url: string;
  /** Seconds. */
  readonly expiresIn: number;
  /** ISO 8601. */
  readonly expiresAt: string;
}

@Controller('links')
export class LinksController {
  constructor(@InjectStorage() private readonly storage: StorageService) {}

  /**
   * @param expiresIn seconds, 60 to 604,800 (7 days); default 3,600
   * @param download `true`: browsers save the file; default: they show it where that is safe
   */
  @Get(':filename')
  @Header('Cache-Control', 'no-store')
  async link(
    @Param('filename') filename: string,
    @Query('expiresIn', new ParseIntPipe({ optional: true })) expiresIn = 3600,
    @Query('download') download?: string,
  ): Promise<LinkAnswer> {
    if (expiresIn < SHORTEST || expiresIn > LONGEST) {
      throw new BadRequestException(`expiresIn must be ${SHORTEST} to ${LONGEST} seconds.`);
    }
    const url = await this.storage.getUrl(keyOf(filename), { expiresIn, download: download === 'true' });
    return { url, expiresIn, expiresAt: new Date(Date.now() + expiresIn * 1000).toISOString() };
  }
}
