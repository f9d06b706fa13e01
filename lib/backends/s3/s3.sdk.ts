/** The AWS packages: optional, loaded on first use, and named when they are missing. */
import { StorageConfigurationError } from '../../contract/index.js';

export type S3Sdk = typeof import('@aws-sdk/client-s3');

function missing(name: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  const absent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
  if (!absent || !String(message).includes(name)) return error;
  return new StorageConfigurationError({
    backend: 's3',
    reason: `the package ${name} is not installed`,
    advice: `Install ${name} to use the s3 backend: npm install ${name}`,
    cause: error,
  });
}

/** Loads an optional package. @throws StorageConfigurationError that says how to install it */
export async function optional<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw missing(name, error);
  }
}

export function loadClientSdk(): Promise<S3Sdk> {
  return optional('@aws-sdk/client-s3', () => import('@aws-sdk/client-s3'));
}

export function loadPresigner(): Promise<typeof import('@aws-sdk/s3-request-presigner')> {
  return optional('@aws-sdk/s3-request-presigner', () => import('@aws-sdk/s3-request-presigner'));
}

export function loadPostPolicies(): Promise<typeof import('@aws-sdk/s3-presigned-post')> {
  return optional('@aws-sdk/s3-presigned-post', () => import('@aws-sdk/s3-presigned-post'));
}

export function loadCloudFrontSigner(): Promise<typeof import('@aws-sdk/cloudfront-signer')> {
  return optional('@aws-sdk/cloudfront-signer', () => import('@aws-sdk/cloudfront-signer'));
}
