/** The four upload interceptors, shaped like Nest's own. */
import { Inject, mixin, type NestInterceptor, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { setMultipartForm, type FileFieldForm } from '../http/multipart-form.js';
import type { StorageUploadOptions, StorageUploadOptionsFactory } from './upload-options.js';
import { UploadInterceptor, type UploadShape } from './upload.interceptor.js';

type Options = StorageUploadOptions | StorageUploadOptionsFactory;

/** A form field that may hold files. */
export interface FileField {
  readonly name: string;
  /** Most files of this field. Default 1. */
  readonly maxCount?: number;
}

const DEFAULT_FILES = 10;

function interceptorOf(options: Options, shape: UploadShape, fields?: readonly FileFieldForm[]): Type<NestInterceptor> {
  class StorageUploadInterceptor extends UploadInterceptor {
    constructor(@Inject(ModuleRef) moduleRef: ModuleRef) {
      super(moduleRef, options, shape);
    }
  }
  // Options of a factory are not known before the app is described.
  const { required = false, accept }: StorageUploadOptions = 'useFactory' in options ? {} : options;
  setMultipartForm(StorageUploadInterceptor, { fields, required, accept });
  return mixin(StorageUploadInterceptor);
}

/**
 * Stores the one file of a field. The handler gets it through `@UploadedFile()` as a StagedFile.
 *
 * Answers 400 (InvalidUploadError), 408 (UploadStalledError), 413 (FileTooLargeError), 415 (UnsupportedTypeError), 409
 * (AlreadyExistsError) and what the storage throws; whatever fails, no file of the request stays.
 *
 * @example
 * `@UseInterceptors(StorageFileInterceptor('file', { limits: { fileSize: '20mb' }, accept: ['image/*'] }))`
 * @publicApi
 */
export function StorageFileInterceptor(field: string, options: Options = {}): Type<NestInterceptor> {
  return interceptorOf(options, { take: (multer) => multer.single(field), files: 1 }, [{ name: field, list: false }]);
}

/**
 * Stores the files of one field, for `@UploadedFiles()`.
 *
 * @param maxCount most files. Default: `limits.files`, else 10
 * @publicApi
 */
export function StorageFilesInterceptor(
  field: string,
  maxCount?: number | Options,
  options: Options = {},
): Type<NestInterceptor> {
  if (typeof maxCount === 'object') return StorageFilesInterceptor(field, undefined, maxCount);
  return interceptorOf(options, { take: (multer) => multer.array(field, maxCount), files: maxCount ?? DEFAULT_FILES }, [
    { name: field, list: true, maxCount },
  ]);
}

/**
 * Stores the files of several fields: `@UploadedFiles()` gives an object of lists by field.
 *
 * @publicApi
 */
export function StorageFileFieldsInterceptor(
  fields: readonly FileField[],
  options: Options = {},
): Type<NestInterceptor> {
  const counted = fields.map(({ name, maxCount = 1 }) => ({ name, maxCount }));
  const files = counted.reduce((sum, { maxCount }) => sum + maxCount, 0);
  const form = counted.map(({ name, maxCount }) => ({ name, list: maxCount !== 1, maxCount }));
  return interceptorOf(options, { take: (multer) => multer.fields(counted), files }, form);
}

/**
 * Stores the files of any field, for `@UploadedFiles()`.
 *
 * @publicApi
 */
export function StorageAnyFilesInterceptor(options: Options = {}): Type<NestInterceptor> {
  return interceptorOf(options, { take: (multer) => multer.any(), files: DEFAULT_FILES });
}
