/** An app whose environment alone says where its files and its credentials are. Told on stdin what to do, line by line. */
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const { StorageModule, StorageService } = await import(new URL('index.js', process.env.LIBRARY).href);

class AppModule {}
Module({ imports: [StorageModule.forRoot()] })(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const storage = app.get(StorageService);
const verbs = {
  put: async (key) => (await storage.put(key, `bytes of ${key}`, { url: false })).key,
  url: (key) => storage.getUrl(key, { mustExist: false, expiresIn: 86_400 }),
};
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, key] = line.split(' ');
  const answer = await verbs[verb](key).then(
    (done) => ({ done }),
    ({ name, code, operation, message }) => ({ failed: { name, code, operation, message } }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await app.close();
