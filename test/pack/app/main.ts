/** An app on Express that says its settings itself. Argument: folder for the files. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { StorageModule } from 'nestjs-storage';
import { StorageHealthModule } from 'nestjs-storage/health';
import { DocumentsController, exercise } from './exercise.js';

@Module({
  imports: [
    StorageModule.forRoot({
      backend: 'local',
      local: { root: process.argv[2]! },
      urls: { secret: 'a-secret-of-at-least-32-bytes-000' },
      env: {},
    }),
    StorageHealthModule.forRoot(),
  ],
  controllers: [DocumentsController],
})
class AppModule {}

void exercise(NestFactory.create(AppModule, { logger: ['error', 'warn'] }));
