/** Upload, download, list, link and delete: the routes of the quick start. */
import { Module } from '@nestjs/common';
import { DownloadController } from './download.controller.js';
import { FilesController } from './files.controller.js';
import { LinksController } from './links.controller.js';
import { UploadController } from './upload.controller.js';

@Module({ controllers: [UploadController, DownloadController, FilesController, LinksController] })
export class FilesModule {}
