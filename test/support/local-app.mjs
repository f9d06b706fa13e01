/** The smallest app on local storage: starts, stores, reads and stops. Run by a test in a process of its own. */
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const { StorageModule, StorageService } = await import(new URL('index.js', process.env.LIBRARY).href);

class AppModule {}
Module({ imports: [StorageModule.forRoot()] })(AppModule);

const options = { logger: false };
const starts = {
  context: () => NestFactory.createApplicationContext(AppModule, options),
  http: () => NestFactory.create(AppModule, options),
  fastify: async () => {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    return NestFactory.create(AppModule, new FastifyAdapter(), options);
  },
};
const app = await starts[process.argv[2]]();
if (app.listen) await app.listen(0, '127.0.0.1');
const storage = app.get(StorageService);
const { url } = await storage.put('a.txt', 'hello');
const text = url ? await (await fetch(url)).text() : (await storage.get('a.txt')).toString();
await app.close();
const commonJs = Object.keys(createRequire(import.meta.url).cache);
process.stdout.write(JSON.stringify({ text, backend: storage.backendName, commonJs }));
