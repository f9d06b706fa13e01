/** Refusals of the token service (STS), which gives credentials for a web identity: told apart from the store's own. */
import {
  PermissionDeniedError,
  StorageConfigurationError,
  StorageUnavailableError,
  type StorageError,
  type StorageErrorDetails,
} from '../../contract/index.js';

interface Failure {
  readonly Code?: string;
  readonly code?: string;
  readonly path?: string;
}

type Maker = (details: StorageErrorDetails) => StorageError;

const denied =
  (reason: string, advice: string): Maker =>
  (details) =>
    new PermissionDeniedError({ ...details, reason, advice });

const noRole = denied(
  'the token service (STS) does not let this process take its role',
  'Check AWS_ROLE_ARN, and that the trust policy of the role names the issuer, audience and subject of the token.',
);
const badToken = denied(
  'the token service (STS) refused the web identity token',
  'Check that the file of AWS_WEB_IDENTITY_TOKEN_FILE holds a token of an identity provider that the account knows.',
);
const expiredToken = denied(
  'the web identity token has expired',
  'Have the file of AWS_WEB_IDENTITY_TOKEN_FILE renewed: it is read again whenever credentials are asked for.',
);

// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
const BY_CODE: Readonly<Record<string, Maker>> = {
  AccessDenied: noRole,
  ExpiredTokenException: expiredToken,
  IDPRejectedClaim: badToken,
  InvalidIdentityToken: badToken,
  IDPCommunicationError: (details) =>
    new StorageUnavailableError({
      ...details,
      reason: 'the token service (STS) cannot reach the identity provider',
      advice: 'Check that the keys of the provider can be had at its public address, or try again later.',
    }),
  RegionDisabledException: (details) =>
    new StorageConfigurationError({
      ...details,
      reason: 'the token service (STS) is not active in this region for the account',
      advice: 'Activate it there, or choose another region.',
    }),
};

/** By name: the SDK has a copy of that class in each package that asks STS. */
function fromTokenService(error: object): boolean {
  for (let proto = Object.getPrototypeOf(error) as object | null; proto; proto = Object.getPrototypeOf(proto)) {
    if (proto.constructor?.name === 'STSServiceException') return true;
  }
  return false;
}

/** The error by reason; undefined where it is not of a token, or is one that any service has: overload, time-out. */
export function tokenError(error: unknown, details: StorageErrorDetails): StorageError | undefined {
  if (!(typeof error === 'object' && error !== null)) return undefined;
  const { Code, code, path } = error as Failure;
  if (code !== undefined && path !== undefined && path === process.env['AWS_WEB_IDENTITY_TOKEN_FILE']) {
    return new StorageConfigurationError({
      ...details,
      reason: 'the web identity token cannot be read',
      advice: 'Check that AWS_WEB_IDENTITY_TOKEN_FILE names a file that this process may read.',
    });
  }
  if (Code === undefined || !fromTokenService(error)) return undefined;
  return Object.hasOwn(BY_CODE, Code) ? BY_CODE[Code]!(details) : undefined;
}
