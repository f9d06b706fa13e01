/** What forRoot() and forRootAsync() take. */
import type { Abstract, ModuleMetadata, Type } from '@nestjs/common';
import type { StorageOptions } from './config/options.js';

/** Where the signed routes are, and what of the app applies to them. */
export interface StorageControllerOptions {
  /**
   * Path of the signed routes below the app's global prefix: segments of A-Z a-z 0-9 - . _ ~, which a URL holds as they
   * are. @default 'files'
   */
  readonly path?: string;
  /** Class decorators of the app for the routes: `[Public()]`, `[ApiExcludeController()]`. @default none */
  readonly decorators?: readonly ClassDecorator[];
}

/** What must be known before any provider is made. */
export interface StorageModuleExtras {
  /** Name of the storage, for `@InjectStorage(name)`. @default 'default' */
  readonly name?: string;
  /** Make the storage injectable everywhere. @default true */
  readonly isGlobal?: boolean;
  /** The signed routes; false serves nothing. @default { path: 'files' } */
  readonly controller?: StorageControllerOptions | false;
  /** Answer StorageErrors with their HTTP status by a global filter. @default true */
  readonly exceptionFilter?: boolean;
}

/**
 * Options of StorageModule.forRoot(). With none of them the environment is read.
 *
 * @publicApi
 */
export interface StorageModuleOptions extends StorageModuleExtras, StorageOptions {}

/** Makes the options of a storage from injected providers. */
export interface StorageOptionsFactory {
  /** Called once, when the app starts. */
  createStorageOptions(): StorageOptions | Promise<StorageOptions>;
}

/**
 * A token of Nest whose value is of that type. Of names (strings, symbols) nothing can be told; a class has to make what
 * is asked for. Nest's own InjectionToken takes any class.
 */
export type TokenFor<Dependency> = string | symbol | Type<Dependency> | Abstract<Dependency>;

/** The tokens whose values a factory of these parameters is called with, in order. */
export type InjectFor<Dependencies extends readonly unknown[]> = {
  readonly [Index in keyof Dependencies]:
    TokenFor<Dependencies[Index]> | { readonly token: TokenFor<Dependencies[Index]>; readonly optional: boolean };
};

/** A factory that cannot do without arguments cannot do without `inject`. */
export type RequiredInject<Dependencies extends readonly unknown[]> = [] extends Dependencies
  ? unknown
  : { readonly inject: InjectFor<Dependencies> };

/**
 * Options of StorageModule.forRootAsync(): one of useFactory, useClass, useExisting.
 *
 * @publicApi
 */
export interface StorageModuleAsyncOptions<Dependencies extends readonly unknown[] = readonly unknown[]>
  extends StorageModuleExtras, Pick<ModuleMetadata, 'imports' | 'providers'> {
  /** Tokens that useFactory gets as arguments, in order. */
  readonly inject?: InjectFor<Dependencies>;
  /** Makes the options from what `inject` names. */
  readonly useFactory?: (...dependencies: [...Dependencies]) => StorageOptions | Promise<StorageOptions>;
  readonly useClass?: Type<StorageOptionsFactory>;
  readonly useExisting?: TokenFor<StorageOptionsFactory>;
}
