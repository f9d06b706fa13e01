/** Settings of the s3 backend: the option, else the variable, else the default. */
import type { S3BackendOptions, S3Credentials } from '../backends/s3/s3.options.js';
import { namedRegion } from '../backends/s3/s3.settings.js';
import { DEFAULTS } from './defaults.js';
import type { VariableName } from './environment.js';
import { SettingsError } from './settings-error.js';
import { defined, missing, type SettingsSource } from './settings-source.js';

/** @throws StorageConfigurationError */
export function s3Settings(source: SettingsSource): S3BackendOptions {
  const { options, environment, variables } = source;
  const given = options.s3;
  const problems: string[] = [];
  const bucket = variables.pick(given?.bucket, 'STORAGE_S3_BUCKET');
  if (!bucket) problems.push(...missing('STORAGE_S3_BUCKET', 's3.bucket', source));
  const endpoint = variables.pick(given?.endpoint, 'STORAGE_S3_ENDPOINT');
  const dialect = variables.pick(given?.dialect, 'STORAGE_S3_DIALECT');
  const keys = given?.client === undefined ? s3Keys(source, problems) : undefined;
  const credentials = variables.settle<S3BackendOptions['credentials']>(
    given?.credentials,
    keys?.credentials,
    ...(keys?.variables ?? []),
  );
  if (problems.length > 0) throw new SettingsError(problems);
  // Lambda and others set AWS_REGION to where the code runs: it says nothing of a service that is elsewhere.
  const elsewhere = namedRegion({ endpoint: endpoint ?? endpointOfSdk(), dialect }) !== undefined;
  const behind = elsewhere ? undefined : environment.AWS_REGION;
  const saidBy = environment.STORAGE_S3_REGION === undefined ? 'AWS_REGION' : 'STORAGE_S3_REGION';
  return defined({
    ...given,
    bucket: bucket!,
    endpoint,
    dialect,
    region: variables.settle(given?.region, environment.STORAGE_S3_REGION ?? behind, saidBy),
    pathStyle: variables.pick(given?.pathStyle, 'STORAGE_S3_PATH_STYLE'),
    publicUrl: variables.pick(given?.publicUrl, 'STORAGE_S3_PUBLIC_URL'),
    via: s3Via(source),
    credentials,
  });
}

/** One that the SDK finds by itself, in the process's environment. */
function endpointOfSdk(): string | undefined {
  return process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL || undefined;
}

export function s3Via({ options, variables }: SettingsSource): 'store' | 'app' {
  return variables.pick(options.s3?.via, 'STORAGE_S3_URLS') ?? DEFAULTS.STORAGE_S3_URLS;
}

interface S3Keys {
  readonly credentials: S3Credentials;
  readonly variables: readonly VariableName[];
}

/**
 * The storage's own key and secret, each with that of AWS behind it; without own ones the pair of AWS, with its token.
 * One that is set alone is a slip; half a pair of AWS is left to the SDK, which looks further: files, web identity, roles.
 */
function s3Keys({ options, environment, variables }: SettingsSource, problems: string[]): S3Keys | undefined {
  const { STORAGE_S3_ACCESS_KEY: own, STORAGE_S3_SECRET_KEY: ownSecret } = environment;
  const { AWS_ACCESS_KEY_ID: aws, AWS_SECRET_ACCESS_KEY: awsSecret, AWS_SESSION_TOKEN: sessionToken } = environment;
  const [accessKeyId, secretAccessKey] = [own ?? aws, ownSecret ?? awsSecret];
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    // A token belongs to the pair it came with.
    const ofAws = own === undefined && ownSecret === undefined;
    return {
      credentials: ofAws ? { accessKeyId, secretAccessKey, sessionToken } : { accessKeyId, secretAccessKey },
      variables: [
        own === undefined ? 'AWS_ACCESS_KEY_ID' : 'STORAGE_S3_ACCESS_KEY',
        ownSecret === undefined ? 'AWS_SECRET_ACCESS_KEY' : 'STORAGE_S3_SECRET_KEY',
        ...(ofAws ? (['AWS_SESSION_TOKEN'] as const) : []),
      ],
    };
  }
  if ((own === undefined && ownSecret === undefined) || options.s3?.credentials !== undefined) return undefined;
  const [set, unset] =
    own === undefined
      ? (['STORAGE_S3_SECRET_KEY', 'STORAGE_S3_ACCESS_KEY'] as const)
      : (['STORAGE_S3_ACCESS_KEY', 'STORAGE_S3_SECRET_KEY'] as const);
  problems.push(`${variables.name(unset)} is not set, and ${variables.name(set)} is: set both or neither`);
  return undefined;
}
