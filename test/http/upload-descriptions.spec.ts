/** The document that @nestjs/swagger makes of upload routes. */
import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Module, Post, Put, UseInterceptors, type INestApplication } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiProperty, DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { MemoryBackend, StorageModule } from '../../lib/index.js';
import {
  StorageAnyFilesInterceptor,
  StorageFileFieldsInterceptor,
  StorageFileInterceptor,
  StorageFilesInterceptor,
} from '../../lib/uploads/index.js';
import { onPlatforms } from '../support/platforms.js';

const FILE = { type: 'string', format: 'binary' };

class Details {
  @ApiProperty()
  title!: string;
}

@Controller('docs')
class DocsController {
  @Post('one')
  @UseInterceptors(StorageFileInterceptor('file'))
  one() {}

  @Post('required')
  @UseInterceptors(StorageFileInterceptor('file', { required: true, accept: ['image/png', 'image/jpeg'] }))
  required() {}

  @Post('made')
  @UseInterceptors(StorageFileInterceptor('file', { useFactory: () => ({ required: true }) }))
  made() {}

  @Post('many')
  @UseInterceptors(StorageFilesInterceptor('files', 3))
  many() {}

  @Post('fields')
  @UseInterceptors(
    StorageFileFieldsInterceptor([{ name: 'cover' }, { name: 'pages', maxCount: 2 }], { required: true }),
  )
  fields() {}

  @Post('any')
  @UseInterceptors(StorageAnyFilesInterceptor())
  any() {}

  @Post('details')
  @UseInterceptors(StorageFileInterceptor('file'))
  details(@Body() body: Details) {
    return body;
  }

  @Post('loose')
  @UseInterceptors(StorageFileInterceptor('file'))
  loose(@Body() body: Record<string, string>, @Body('title') title: string) {
    return [body, title];
  }

  @Post('own')
  @UseInterceptors(StorageFileInterceptor('file'))
  @ApiConsumes('multipart/mixed')
  @ApiBody({ schema: { type: 'object', description: 'own words' } })
  own() {}

  @Post('other')
  other(@Body() body: Details) {
    return body;
  }
}

@Controller('whole')
@UseInterceptors(StorageFileInterceptor('file'))
class WholeController {
  @Put()
  put() {}

  @Get()
  get() {}
}

@Module({
  imports: [StorageModule.forRoot({ env: {}, backend: new MemoryBackend(), urls: { secret: 's'.repeat(32) } })],
  controllers: [DocsController, WholeController],
})
class AppModule {}

onPlatforms('on $name', (platform) => {
  let app: INestApplication;
  let document: OpenAPIObject;

  beforeAll(async () => {
    app = await platform.create(AppModule);
    // As apps do it: before they listen.
    document = SwaggerModule.createDocument(app, new DocumentBuilder().build());
  });

  afterAll(() => app.close());

  const bodyOf = (path: string, method: 'post' | 'put' | 'get' = 'post') => document.paths[path]![method]!.requestBody;
  const form = (schema: object, more: object = {}) => ({
    required: true,
    content: { 'multipart/form-data': { schema, ...more } },
  });

  describe('upload routes', () => {
    it('tell the form of each interceptor', () => {
      const one = form({ type: 'object', properties: { file: FILE } });
      expect(bodyOf('/docs/one')).toEqual(one);
      expect(bodyOf('/docs/made')).toEqual(one);
      expect(bodyOf('/docs/many')).toEqual(
        form({ type: 'object', properties: { files: { type: 'array', items: FILE, maxItems: 3 } } }),
      );
      expect(bodyOf('/docs/fields')).toEqual(
        form({ type: 'object', properties: { cover: FILE, pages: { type: 'array', items: FILE, maxItems: 2 } } }),
      );
      expect(bodyOf('/docs/any')).toEqual(form({ type: 'object', additionalProperties: FILE }));
    });

    it('tell what is required, and which types are taken', () => {
      expect(bodyOf('/docs/required')).toEqual(
        form(
          { type: 'object', properties: { file: FILE }, required: ['file'] },
          { encoding: { file: { contentType: 'image/png, image/jpeg' } } },
        ),
      );
    });

    it('tell the fields of the body beside the files', () => {
      const files = { type: 'object', properties: { file: FILE } };
      expect(bodyOf('/docs/details')).toEqual(form({ allOf: [{ $ref: '#/components/schemas/Details' }, files] }));
      expect(document.components!.schemas!.Details).toEqual({
        type: 'object',
        properties: { title: { type: 'string' } },
        required: ['title'],
      });
      expect(bodyOf('/docs/loose')).toEqual(form(files));
    });

    it('tell it for the body methods of a controller with the interceptor', () => {
      expect(bodyOf('/whole', 'put')).toEqual(form({ type: 'object', properties: { file: FILE } }));
      expect(bodyOf('/whole', 'get')).toBeUndefined();
    });

    it('leave what the app says itself, and other routes, alone', () => {
      expect(bodyOf('/docs/own')).toEqual({
        required: true,
        content: { 'multipart/mixed': { schema: { type: 'object', description: 'own words' } } },
      });
      expect(bodyOf('/docs/other')).toEqual({
        required: true,
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Details' } } },
      });
    });
  });
});
