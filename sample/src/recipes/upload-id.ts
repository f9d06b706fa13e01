/** One id for each upload request, the same wherever it is asked: in the key, in the metadata, in the answer. */
import { randomUUID } from 'node:crypto';
import type { ExecutionContext } from '@nestjs/common';
import { createParamDecorator } from '@nestjs/common';

const ids = new WeakMap<object, string>();

export function uploadIdOf(context: ExecutionContext): string {
  const request = context.switchToHttp().getRequest<object>();
  const id = ids.get(request) ?? randomUUID();
  ids.set(request, id);
  return id;
}

export const UploadId = createParamDecorator((_: unknown, context: ExecutionContext) => uploadIdOf(context));
