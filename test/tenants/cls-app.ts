/** An app whose storage is scoped through nestjs-cls, in a process of its own (Jest cannot load nestjs-cls on Node 20). */
import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { Body, Controller, Get, Injectable, Module, Param, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ClsModule, ClsService } from 'nestjs-cls';
import { StorageModule, StorageService, type StorageBackend } from '../../lib/index.js';
import { StorageFileInterceptor, type StagedFile } from '../../lib/uploads/index.js';

const pause = () => delay(Math.random() * 3);

@Injectable()
class Notes {
  // A singleton: nothing in it is made again for a request.
  constructor(readonly storage: StorageService) {}

  /** Everything that a tenant can do, with pauses in which other tenants' requests run. */
  async exercise(id: string, tenant: string) {
    await pause();
    const body = `${tenant} wrote ${id}`;
    const file = await this.storage.put(`notes/${id}.txt`, slowly(body), { metadata: { tenant } });
    await pause();
    const staged = await this.storage.stage(`staged/${id}.txt`, body);
    await pause();
    await staged.commit();
    const listed: string[] = [];
    for await (const { key } of this.storage.scope('notes').list()) {
      listed.push((await this.storage.getMetadata(`notes/${key}`)).metadata.tenant!);
    }
    await this.storage.copy(`notes/${id}.txt`, `copies/${id}.txt`);
    return {
      urls: [file.url!, await file.getUrl(), await this.storage.getUrl(`staged/${id}.txt`)],
      read: (await this.storage.get(`copies/${id}.txt`)).toString(),
      listed,
    };
  }
}

async function* slowly(body: string) {
  for (const letter of body.match(/.{1,12}/g)!) {
    await pause();
    yield letter;
  }
}

@Controller()
class NotesController {
  constructor(
    readonly notes: Notes,
    readonly storage: StorageService,
  ) {}

  @Post('notes/:id')
  exercise(@Param('id') id: string, @Body() { tenant }: { tenant: string }) {
    return this.notes.exercise(id, tenant);
  }

  @Get('notes')
  keys() {
    return this.storage.listKeys();
  }

  @Post('uploads')
  @UseInterceptors(
    StorageFileInterceptor('file', {
      key: async ({ safeName }) => {
        await pause();
        return `uploads/${safeName}`;
      },
    }),
  )
  async upload(@UploadedFile() file: StagedFile) {
    await pause();
    return { key: file.key, url: file.url };
  }
}

@Module({
  imports: [
    ClsModule.forRoot({
      global: true,
      middleware: {
        mount: true,
        setup: (cls, request: { headers: Record<string, string | undefined> }) =>
          cls.set('tenant', request.headers['x-tenant']),
      },
    }),
    StorageModule.forRootAsync({
      inject: [ClsService],
      useFactory: (cls: ClsService) => ({
        backend: 'memory',
        urls: { secret: 'a-secret-of-at-least-32-bytes-000' },
        env: {},
        scope: () => 'tenants/' + cls.get<string>('tenant'),
      }),
    }),
  ],
  controllers: [NotesController],
  providers: [Notes],
})
class AppModule {}

const adapter = process.argv[2] === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
const app = await NestFactory.create(AppModule, adapter, { logger: false });
await app.listen(0, '127.0.0.1');
const whole = new StorageService(app.get<StorageBackend>('STORAGE_BACKEND'));

const questions: Readonly<Record<string, () => Promise<unknown>>> = {
  url: () => app.getUrl(),
  keys: () => whole.listKeys(),
  health: async () => {
    await app.get(StorageService).checkHealth({ write: true });
    return 'healthy';
  },
};
process.on('message', (question: string) => {
  void questions[question]!().then((answer) => process.send!(answer));
});
process.once('disconnect', () => void app.close());
process.send!('ready');
