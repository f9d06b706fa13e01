/** Starts the sample. Environment: PORT (default 3000) and the variables of the storage. */
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { applySampleDefaults } from './sample-defaults.js';

applySampleDefaults(process.env);

const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
new Logger('Sample').log(`Open ${(await app.getUrl()).replace('[::1]', 'localhost')}`);
