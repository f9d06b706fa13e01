/** What goes wrong while a request is taken in, as errors of the one family. */
import { MulterError } from 'multer';
import {
  FileTooLargeError,
  InvalidUploadError,
  quoted,
  StorageError,
  UnsupportedTypeError,
  type StorageErrorDetails,
} from '../contract/index.js';
import type { ResolvedLimits } from './upload-plan.js';

function sentence(clause: string): string {
  return `The upload is not valid: ${clause}.`;
}

/** @param clause what is wrong, fit to be shown to the client */
export function invalidUpload(clause: string, more: Partial<StorageErrorDetails> = {}): InvalidUploadError {
  return new InvalidUploadError({ operation: 'upload', reason: clause, clientMessage: sentence(clause), ...more });
}

export function unsupportedType(clause: string): UnsupportedTypeError {
  return new UnsupportedTypeError({
    operation: 'upload',
    reason: clause,
    clientMessage: `${clause[0]!.toUpperCase()}${clause.slice(1)}.`,
  });
}

function multerClause(error: MulterError, limits: ResolvedLimits): string {
  const field = error.field === undefined ? 'a field' : `the field ${quoted(error.field)}`;
  switch (error.code as string) {
    case 'LIMIT_PART_COUNT':
      return `it has more than ${limits.parts} parts`;
    case 'LIMIT_FIELD_COUNT':
      return `it has more than ${limits.fields} fields`;
    case 'LIMIT_FIELD_VALUE':
      return `${field} has a value of more than ${limits.fieldSize} bytes`;
    case 'LIMIT_FIELD_KEY':
      return `a field has a name of more than ${limits.fieldNameSize} bytes`;
    case 'LIMIT_FIELD_NESTING':
      return `${field} is nested deeper than ${limits.fieldNestingDepth}`;
    case 'LIMIT_FIELD_ARRAY_INDEX':
      return `${field} has an index above ${limits.fieldArrayIndexLimit}`;
    case 'LIMIT_UNEXPECTED_FILE':
      return `${field} takes no file, or not so many`;
    default:
      return 'a field has a name that cannot be read';
  }
}

/** Multer's and busboy's errors by the reason; what is already of the family stays as it is. */
export function uploadError(error: unknown, limits: ResolvedLimits): unknown {
  if (error instanceof StorageError) return error;
  if (error instanceof MulterError) {
    if (error.code === 'LIMIT_FILE_SIZE') {
      return new FileTooLargeError({ operation: 'upload', limit: limits.fileSize, cause: error });
    }
    return invalidUpload(multerClause(error, limits), { cause: error });
  }
  // Busboy gives plain errors, told apart by their text: https://github.com/mscdex/busboy (lib/types/multipart.js)
  if (error instanceof Error && /^(?:Malformed part header|Unexpected end of |Multipart: )/.test(error.message)) {
    return invalidUpload('the multipart body is malformed', { cause: error });
  }
  return error;
}
