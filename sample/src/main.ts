/** Starts the sample. Environment: PORT (default 3000) and the variables of the storage. */
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { StorageConfigurationError } from 'nestjs-storage';
import { AppModule } from './app.module.js';
import { applySampleDefaults } from './sample-defaults.js';

const logger = new Logger('Sample');
/** Milliseconds: an hour, for 5 GB over a slow line. */
const LONGEST_REQUEST = 3_600_000;
const port = process.env.PORT || '3000';

/** What people can put right by themselves needs no stack. */
function explained(error: unknown): string | undefined {
  if (error instanceof StorageConfigurationError) return error.message;
  if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    return `Port ${port} is in use. Set another one, for example: PORT=3001 npm start`;
  }
  return undefined;
}

try {
  applySampleDefaults(process.env);
  const app = await NestFactory.create(AppModule, { abortOnError: false });
  app.enableShutdownHooks();
  // Node ends a request after five minutes, however well it goes; a client that stops sending is ended by the storage.
  app.getHttpServer().requestTimeout = LONGEST_REQUEST;
  await app.listen(port);
  logger.log(`Open ${(await app.getUrl()).replace('[::1]', 'localhost')}`);
} catch (error) {
  const message = explained(error);
  if (message === undefined) throw error;
  logger.error(message);
  process.exit(1);
}
