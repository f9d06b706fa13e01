/** Lets the client follow its upload under the id that it gives as `?upload_id=`. Stands before the file interceptor. */
import {
  BadRequestException,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { Request } from 'express';
import { tap, type Observable } from 'rxjs';
import { currentUser } from '../demo-auth/demo-auth.guard.js';
import { FollowedUpload } from './followed-upload.js';
import { UploadProgress } from './upload-progress.js';

@Injectable()
export class ProgressInterceptor implements NestInterceptor {
  constructor(private readonly progress: UploadProgress) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<Request>();
    const id = request.query['upload_id'];
    if (id === undefined) return next.handle();
    if (!isUUID(id)) throw new BadRequestException('upload_id must be a UUID.');
    const upload = new FollowedUpload(request);
    this.progress.follow(currentUser(context).id, String(id), () => upload.state());
    // The file interceptor has published the file when its value arrives here.
    return next.handle().pipe(tap({ complete: () => upload.end('uploaded'), error: () => upload.end('failed') }));
  }
}
