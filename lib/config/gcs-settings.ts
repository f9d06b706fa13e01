/** Settings of the gcs backend: the option, else the variable. */
import type { GcsBackendOptions } from '../backends/gcs/gcs.options.js';
import { SettingsError } from './settings-error.js';
import { defined, missing, type SettingsSource } from './settings-source.js';

/** @throws StorageConfigurationError */
export function gcsSettings(source: SettingsSource): GcsBackendOptions {
  const { options, environment, variables } = source;
  const given = options.gcs;
  const problems: string[] = [];
  const bucket = variables.pick(given?.bucket, 'STORAGE_GCS_BUCKET');
  if (!bucket) problems.push(...missing('STORAGE_GCS_BUCKET', 'gcs.bucket', source));
  const open = given?.auth === undefined && !given?.anonymous;
  const document = open && given?.keyFile === undefined ? environment.STORAGE_GCS_CREDENTIALS : undefined;
  const credentials = variables.settle<GcsBackendOptions['credentials']>(
    given?.credentials,
    document,
    'STORAGE_GCS_CREDENTIALS',
  );
  const path = open && credentials === undefined ? environment.GOOGLE_APPLICATION_CREDENTIALS : undefined;
  const keyFile = variables.settle(given?.keyFile, path, 'GOOGLE_APPLICATION_CREDENTIALS');
  // Opening such a "file" would put the private key into errors.
  if (typeof keyFile === 'string' && keyFile.trimStart().startsWith('{')) {
    const name = given?.keyFile === undefined ? 'GOOGLE_APPLICATION_CREDENTIALS' : 'the option gcs.keyFile';
    problems.push(
      `${name} must be the path of a file, and holds JSON: put that into ${variables.name('STORAGE_GCS_CREDENTIALS')}`,
    );
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return defined({
    ...given,
    bucket: bucket!,
    projectId: variables.pick(given?.projectId, 'STORAGE_GCS_PROJECT'),
    credentials,
    keyFile,
  });
}
