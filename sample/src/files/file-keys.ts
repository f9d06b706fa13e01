/** Where this app keeps its files: `uploads/<file name>`. */
import { BadRequestException } from '@nestjs/common';
import { safeName } from 'nestjs-storage';

export const UPLOADS = 'uploads/';

/** Key of a new file. The name has been through safeName(), so that it cannot leave the folder. */
export function uploadKey(file: { readonly safeName: string }): string {
  return UPLOADS + file.safeName;
}

/** Key of the file that a URL names. A name that no upload can have is refused, never rewritten. */
export function keyOf(filename: string): string {
  if (safeName(filename) !== filename) throw new BadRequestException('That is not the name of a file.');
  return UPLOADS + filename;
}

export function filenameOf(key: string): string {
  return key.slice(UPLOADS.length);
}
