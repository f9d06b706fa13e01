/** What an app with HTTP gets beside routes and interceptors: descriptions for Swagger, and advice on time-outs. */
import { Module } from '@nestjs/common';
import { UploadDescriptions } from './upload-descriptions.js';
import { UploadTimeoutAdvice } from './upload-timeout.advice.js';

@Module({ providers: [UploadDescriptions, UploadTimeoutAdvice], exports: [UploadTimeoutAdvice] })
export class HttpSupportModule {}
