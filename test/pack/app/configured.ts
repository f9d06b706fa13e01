/** An app on Fastify whose settings come from @nestjs/config: the folder from the environment, the rest from a file. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { StorageModule } from 'nestjs-storage';
import { storageConfig } from 'nestjs-storage/config';
import { StorageHealthModule } from 'nestjs-storage/health';
import { DocumentsController, exercise } from './exercise.js';

@Module({
  imports: [
    ConfigModule.forRoot({ envFilePath: 'settings.env' }),
    StorageModule.forRootAsync(storageConfig.asProvider()),
    StorageHealthModule.forRoot(),
  ],
  controllers: [DocumentsController],
})
class AppModule {}

void exercise(
  NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), { logger: ['error', 'warn'] }),
);
