/** Vendors' packages that a backend needs: looked for before anything is tried, since some load on first use only. */
import { createRequire } from 'node:module';
import { fail } from './step.js';

const NEEDED: Readonly<Record<string, readonly string[]>> = {
  s3: ['@aws-sdk/client-s3', '@aws-sdk/s3-request-presigner'],
  gcs: ['@google-cloud/storage'],
  cloudinary: ['cloudinary'],
};

const { resolve } = createRequire(import.meta.url);

function isMissing(name: string): boolean {
  try {
    resolve(name);
    return false;
  } catch (error) {
    // A package that gives CommonJS nothing is there as well.
    return (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
  }
}

/** @throws StepFailure that holds the install command */
export function assertPackages(kind: string): void {
  const missing = (NEEDED[kind] ?? []).filter(isMissing);
  if (missing.length === 0) return;
  const names = missing.join(' and ');
  fail(
    `The ${kind} backend needs ${names}, which ${missing.length === 1 ? 'is' : 'are'} not installed.`,
    `Run: npm install ${missing.join(' ')}. A devDependency is not there in production.`,
  );
}
