/** Settings of the cloudinary backend: the option, else its variable, else a part of CLOUDINARY_URL, else the default. */
import {
  parseCloudinaryUrl,
  type CloudinaryBackendOptions,
  type CloudinaryCredentials,
} from '../backends/cloudinary/cloudinary-options.js';
import { DEFAULTS } from './defaults.js';
import type { VariableName } from './environment.js';
import { SettingsError } from './settings-error.js';
import { defined, missing, type SettingsSource } from './settings-source.js';

type Account = Pick<CloudinaryCredentials, 'cloudName' | 'apiKey' | 'apiSecret'>;

/** Options of the account, each with its variable. */
const ACCOUNT = [
  ['cloudName', 'STORAGE_CLOUDINARY_CLOUD_NAME'],
  ['apiKey', 'STORAGE_CLOUDINARY_API_KEY'],
  ['apiSecret', 'STORAGE_CLOUDINARY_API_SECRET'],
] as const satisfies readonly (readonly [keyof Account, VariableName])[];

/** @throws StorageConfigurationError */
export function cloudinarySettings(source: SettingsSource): CloudinaryBackendOptions {
  const { options, environment, variables } = source;
  const given = options.cloudinary;
  const url = partsOfUrl(environment.CLOUDINARY_URL);
  const account = ACCOUNT.map(([option, variable]) => {
    const own = environment[variable];
    const said = own === undefined ? 'CLOUDINARY_URL' : variable;
    return { option, variable, value: variables.settle(given?.[option], own ?? url?.[option], said) };
  });
  const problems = account
    .filter(({ value }) => !value)
    .flatMap(({ option, variable }) => missing(variable, `cloudinary.${option}, or CLOUDINARY_URL`, source));
  if (problems.length > 0) throw new SettingsError(problems);
  return defined({
    ...given,
    ...(Object.fromEntries(account.map(({ option, value }) => [option, value])) as unknown as Account),
    apiUrl: variables.settle(given?.apiUrl, url?.apiUrl, 'CLOUDINARY_URL'),
    deliveryUrl: variables.settle(given?.deliveryUrl, url?.deliveryUrl, 'CLOUDINARY_URL'),
    folder: variables.pick(given?.folder, 'STORAGE_CLOUDINARY_FOLDER') ?? DEFAULTS.STORAGE_CLOUDINARY_FOLDER,
    resourceType:
      variables.pick(given?.resourceType, 'STORAGE_CLOUDINARY_RESOURCE_TYPE') ??
      DEFAULTS.STORAGE_CLOUDINARY_RESOURCE_TYPE,
    authTokenKey: variables.pick(given?.authTokenKey, 'STORAGE_CLOUDINARY_AUTH_TOKEN_KEY'),
    lastingTransformUrls:
      variables.pick(given?.lastingTransformUrls, 'STORAGE_CLOUDINARY_LASTING_TRANSFORM_URLS') ??
      DEFAULTS.STORAGE_CLOUDINARY_LASTING_TRANSFORM_URLS,
  });
}

function partsOfUrl(url: string | undefined): CloudinaryCredentials | undefined {
  if (url === undefined) return undefined;
  try {
    return parseCloudinaryUrl(url);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new SettingsError(['CLOUDINARY_URL holds a "%" that begins no escape: write it as %25']);
  }
}
