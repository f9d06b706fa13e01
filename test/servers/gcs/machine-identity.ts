/** What a machine of Google's finds around it: the metadata server with its identity, and the IAM service that signs for it. */
import { sign, type KeyObject } from 'node:crypto';
import type { Call } from './call.js';
import { badRequest, Refusal, sendJson } from './errors.js';
import type { ServiceAccount, TokenEndpoint } from './oauth.js';

const METADATA = '/computeMetadata/v1/';
const ACCOUNTS = '/v1/projects/-/serviceAccounts/';
const ACCOUNT = 'instance/service-accounts/default/';

export class MachineIdentity {
  readonly #account: ServiceAccount;
  readonly #key: KeyObject;
  readonly #tokens: TokenEndpoint;

  /** @param key of the account, which the machine itself never sees */
  constructor(account: ServiceAccount, key: KeyObject, tokens: TokenEndpoint) {
    this.#account = account;
    this.#key = key;
    this.#tokens = tokens;
  }

  /** Whether the request is for the metadata server or the IAM service. */
  answers(call: Call): boolean {
    return call.rawPath.startsWith(METADATA) || call.rawPath.startsWith(ACCOUNTS);
  }

  /** @throws Refusal */
  async answer(call: Call): Promise<void> {
    if (call.rawPath.startsWith(METADATA)) this.#tellMetadata(call, call.rawPath.slice(METADATA.length));
    else await this.#signBlob(call);
  }

  /** https://cloud.google.com/compute/docs/metadata/querying-metadata */
  #tellMetadata(call: Call, path: string): void {
    if (call.method !== 'GET') throw new Refusal(405, 'methodNotAllowed', 'Not here.');
    // A page in a browser on the machine could not send it, nor could a proxy.
    if (call.header('metadata-flavor') !== 'Google' || call.header('x-forwarded-for') !== undefined) {
      throw new Refusal(403, 'forbidden', 'Missing Metadata-Flavor:Google header.');
    }
    call.query(path === `${ACCOUNT}token` ? ['scopes'] : []);
    call.res.setHeader('metadata-flavor', 'Google');
    const texts: Readonly<Record<string, string>> = {
      instance: 'service-accounts/\n',
      [`${ACCOUNT}email`]: this.#account.email,
      'project/project-id': 'example-project',
      'universe/universe-domain': 'googleapis.com',
    };
    if (path === `${ACCOUNT}token`) sendJson(call.res, 200, this.#tokens.issue());
    else if (Object.hasOwn(texts, path))
      call.res.writeHead(200, { 'content-type': 'application/text' }).end(texts[path]);
    else throw new Refusal(404, 'notFound', 'Not Found');
  }

  /** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signBlob */
  async #signBlob(call: Call): Promise<void> {
    this.#tokens.assertToken(call);
    const [, email, method] = /serviceAccounts\/([^/:]+):(\w+)$/.exec(decodeURIComponent(call.rawPath)) ?? [];
    if (call.method !== 'POST' || method !== 'signBlob') throw new Refusal(404, 'notFound', 'Not Found');
    call.query([]);
    if (email !== this.#account.email) throw new Refusal(404, 'notFound', 'Not found; Gaia id not found.');
    const { payload, ...others } = await call.jsonBody();
    const base64 = typeof payload === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(payload);
    if (!base64 || Object.keys(others).length > 0) throw badRequest('Invalid value at payload (TYPE_BYTES).');
    const signedBlob = sign('RSA-SHA256', Buffer.from(payload, 'base64'), this.#key).toString('base64');
    sendJson(call.res, 200, { keyId: 'google-managed', signedBlob });
  }
}
