/** forRootAsync() in the editor: what of `inject` and `useFactory` does not belong together is told by the compiler. */
import { describe, expect, it } from '@jest/globals';
import { problemsOf } from '../support/compiled-sources.js';

const PRELUDE = `
  import type { InjectionToken } from '@nestjs/common';
  import { ConfigService, type ConfigType } from '@nestjs/config';
  import { getStorageToken, StorageModule, StorageService, type StorageModuleAsyncOptions } from 'nestjs-storage';
  import { storageConfig } from 'nestjs-storage/config';
  class Files { root = '/files' }
  class Limits { size = 1 }
  abstract class Clock { abstract now(): number }
  class Single { static readonly it = new Single(); private constructor(readonly one = 1) {} }
  class Options { createStorageOptions() { return {}; } }
  interface Env { FILES: string }
  const LIMITS = Symbol('limits');
  declare const typed: InjectionToken<Files>;
  declare const untyped: InjectionToken;
  declare const ofFunctions: Function | string;
  const made = (..._used: unknown[]) => ({ envPrefix: 'FILES_' });
`;

const GOOD = {
  'no dependency': '{ useFactory: () => made() }',
  'an empty inject': '{ inject: [], useFactory: () => made() }',
  'a class': '{ inject: [Files], useFactory: (files: Files) => made(files.root) }',
  'the config of Nest': '{ inject: [ConfigService], useFactory: (config: ConfigService) => made(config.get("a")) }',
  'the config of Nest, typed':
    '{ inject: [ConfigService], useFactory: (config: ConfigService<Env, true>) => made(config.get("FILES", { infer: true })) }',
  'a namespace of the config':
    '{ inject: [storageConfig.KEY], useFactory: (config: ConfigType<typeof storageConfig>) => config }',
  'a namespace as a provider': 'storageConfig.asProvider()',
  'names, of which nothing can be told':
    '{ inject: ["FILES", LIMITS], useFactory: (files: Files, limits: Limits) => made(files.root, limits.size) }',
  'a part of a class': '{ inject: [Files], useFactory: async (files: { root: string }) => made(files.root) }',
  'an optional one':
    '{ inject: [{ token: Limits, optional: true }], useFactory: (limits?: Limits) => made(limits?.size) }',
  'an abstract class, and one with a private constructor':
    '{ inject: [Clock, Single], useFactory: (clock: Clock, single: Single) => made(clock.now(), single.one) }',
  'another storage': '{ inject: [getStorageToken("a")], useFactory: (storage: StorageService) => made(storage.name) }',
  "tokens of Nest's own types":
    '{ inject: [typed, untyped, ofFunctions], useFactory: (files: Files, limits: Limits, clock: Clock) => made(files, limits, clock) }',
  any: '{ inject: [Files, Limits], useFactory: (...all: any[]) => made(all) }',
  'an options class': '{ useClass: Options }',
  'an existing options class': '{ useExisting: Options }',
  'options of the type without more': '({ inject: ["a"], useFactory: (a) => made(a) } as StorageModuleAsyncOptions)',
};

const BAD: Readonly<Record<string, readonly [options: string, message: RegExp]>> = {
  'another class': [
    '{ inject: [Limits], useFactory: (files: Files) => made(files) }',
    /'root' is missing in type 'Limits'/,
  ],
  'another order': [
    '{ inject: [Limits, Files], useFactory: (files: Files, limits: Limits) => made(files, limits) }',
    /'root' is missing in type 'Limits'/,
  ],
  'too few': [
    '{ inject: [Files], useFactory: (files: Files, limits: Limits) => made(files, limits) }',
    /Source has 1 element\(s\) but target requires 2/,
  ],
  'too many': [
    '{ inject: [Files, Limits], useFactory: (files: Files) => made(files) }',
    /Source has 2 element\(s\) but target allows only 1/,
  ],
  'none at all': ['{ useFactory: (files: Files) => made(files) }', /Property 'inject' is missing/],
  'another optional one': [
    '{ inject: [{ token: Limits, optional: true }], useFactory: (files?: Files) => made(files) }',
    /'root' is missing in type 'Limits'/,
  ],
  'an instance': ['{ inject: [new Files()], useFactory: (files: Files) => made(files) }', /'Files' is not assignable/],
  'another abstract class': ['{ inject: [Clock], useFactory: (files: Files) => made(files) }', /typeof Clock/],
  "another type of Nest's token": [
    '{ inject: [typed], useFactory: (limits: Limits) => made(limits) }',
    /'size' is missing in type 'Files'/,
  ],
  'an options class that makes none': ['{ useExisting: Files }', /'createStorageOptions' is missing/],
  'an option of another type': ['{ useFactory: () => ({ maxFileSize: true }) }', /'boolean' is not assignable/],
};

describe('the compiler, of forRootAsync()', () => {
  const cases = [...Object.values(GOOD), ...Object.values(BAD).map(([options]) => options)];
  const told = problemsOf([
    { place: 'prelude', path: 'factory-types/prelude.ts', code: PRELUDE },
    ...cases.map((options, index) => ({
      place: options,
      path: `factory-types/${index}.ts`,
      code: `${PRELUDE}StorageModule.forRootAsync(${options});`,
    })),
  ]);
  const toldOf = (options: string) => told.filter(({ place }) => place === options).map(({ message }) => message);

  it.each(Object.entries(GOOD))('takes %s', (_what, options) => {
    expect(toldOf('prelude')).toEqual([]);
    expect(toldOf(options)).toEqual([]);
  });

  it.each(Object.entries(BAD))('refuses %s', (_what, [options, message]) => {
    expect(toldOf(options).join('\n')).toMatch(message);
  });
});
