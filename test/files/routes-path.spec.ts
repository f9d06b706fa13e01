/** The path of the signed routes: one that is allowed serves, any other is told when the app starts. */
import { describe, expect, it } from '@jest/globals';
import { SetMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  StorageConfigurationError,
  StorageModule,
  StorageService,
  type StorageModuleOptions,
} from '../../lib/index.js';
import { onPlatforms } from '../support/platforms.js';
import { SECRET, send } from './rig.js';

const imported = (extra: StorageModuleOptions) =>
  StorageModule.forRoot({ env: {}, backend: 'memory', urls: { secret: SECRET }, ...extra });

function refused(path: unknown): StorageConfigurationError {
  try {
    imported({ name: 'docs', controller: { path: path as string } });
  } catch (error) {
    return error as StorageConfigurationError;
  }
  throw new Error(`${JSON.stringify(path)} was taken`);
}

onPlatforms('signed routes on $name', (platform) => {
  it.each(['files', '/files/', '//deep//', 'v1.2/Ab_9~x-y', '~', '...', '', '/'])(
    'serves and takes uploads under %j',
    async (path) => {
      const app = await platform.create({ module: class Root {}, imports: [imported({ controller: { path } })] });
      await app.listen(0, '127.0.0.1');
      const storage = app.get(StorageService);
      const { url } = await storage.getUploadUrl('k');
      const json = { 'content-type': 'application/json' };
      expect((await send(url, { method: 'PUT', body: '{"a":  1}', headers: json })).status).toBe(200);
      expect((await send(await storage.getUrl('k'))).text).toBe('{"a":  1}');
      await app.close();
    },
  );
});

describe('the path of the signed routes', () => {
  it.each([
    ['a space', 'my files'],
    ['an accent', 'médias'],
    ['another script', '文件'],
    ['a percent sign', 'my%20files'],
    ['a query', 'files?x=1'],
    ['a fragment', 'files#top'],
    ['a parameter', ':tenant/files'],
    ['a wildcard', 'files/*rest'],
    ['an optional part', 'files{/more}'],
    ['a backslash', 'files\\more'],
    ['a line break', 'files\n'],
    ['a null character', 'files\u0000'],
    ['a dot segment', 'files/./more'],
    ['a parent segment', '../files'],
    ['a parent segment alone', '/../'],
    ['an empty segment', 'files//more'],
    ['a scheme', 'https://example.com/files'],
  ])('refuses %s, shows it, and tells what is allowed', (_what, path) => {
    const error = refused(path);
    expect(error).toBeInstanceOf(StorageConfigurationError);
    expect(error).toMatchObject({ code: 'configuration', operation: 'configure' });
    expect(error.reason).toContain('(controller.path) of the storage "docs" is ');
    expect(error.reason).toContain(JSON.stringify(path));
    expect(error.advice).toContain('Only A-Z a-z 0-9 - . _ ~ are allowed');
  });

  it.each([[7], [['files', 'media']], [{}]])('refuses %j, which is no text', (path) => {
    expect(refused(path)).toBeInstanceOf(StorageConfigurationError);
    expect(refused(path).reason).toMatch(/ is no text$/);
  });

  it('is refused of forRootAsync() too', () => {
    expect(() => StorageModule.forRootAsync({ useFactory: () => ({}), controller: { path: 'a b' } })).toThrow(
      StorageConfigurationError,
    );
  });

  it('is advised so that it is allowed, whatever the name of the storage', async () => {
    const guarded = { name: 'mes données', controller: { decorators: [SetMetadata('public', true)] } };
    const starting = Test.createTestingModule({ imports: [imported({}), imported(guarded)] }).compile();
    await expect(starting).rejects.toThrow(/controller: \{ path: 'files-mes-donn-es' \}/);
    const controller = { ...guarded.controller, path: 'files-mes-donn-es' };
    await (
      await Test.createTestingModule({ imports: [imported({}), imported({ ...guarded, controller })] }).compile()
    ).close();
  });
});
