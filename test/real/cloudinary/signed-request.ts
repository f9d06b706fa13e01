/** Requests to the contract server made by hand, so that each can be wrong in one thing. */
import { apiSignature, deliverySignature, textToSign, tokenHmac } from '../../servers/cloudinary/signatures.js';
import type { CloudinaryServer } from '../../servers/cloudinary/server.js';

export type Fields = Record<string, string>;

export interface Told {
  readonly status: number;
  readonly message: string;
}

export const nowSeconds = () => Math.floor(Date.now() / 1000);

export class Requests {
  constructor(readonly server: CloudinaryServer) {}

  get #settings() {
    return this.server.account.settings;
  }

  signed(fields: Fields): Fields {
    const { apiKey, apiSecret, signatureAlgorithm } = this.#settings;
    const all = { timestamp: String(nowSeconds()), ...fields };
    const signature = apiSignature(textToSign(Object.entries(all)), apiSecret, signatureAlgorithm);
    return { ...all, signature, api_key: apiKey };
  }

  /** @param change what is wrong with it after signing */
  async post(
    path: string,
    fields: Fields,
    {
      file,
      headers = {},
      change = (signed) => signed,
    }: { file?: Buffer; headers?: Fields; change?: (signed: Fields) => Fields } = {},
  ): Promise<Told> {
    const form = new FormData();
    for (const [name, value] of Object.entries(change(this.signed(fields)))) form.append(name, value);
    if (file) form.append('file', new Blob([new Uint8Array(file)]), 'file');
    const { cloudName } = this.#settings;
    return this.#tell(`${this.server.apiUrl}/v1_1/${cloudName}/${path}`, { method: 'POST', body: form, headers });
  }

  upload(fields: Fields, file: Buffer | undefined = Buffer.from('abc'), more: Parameters<Requests['post']>[2] = {}) {
    const all = { public_id: 'files/a.txt', type: 'authenticated', ...fields };
    return this.post('raw/upload', all, { file, ...more });
  }

  /** @param authorization undefined for the right one, null for none */
  admin(path: string, authorization?: string | null, init: RequestInit = {}): Promise<Told> {
    const { cloudName, apiKey, apiSecret } = this.#settings;
    const right = `Basic ${Buffer.from(`${apiKey}:${apiSecret}`).toString('base64')}`;
    return this.#tell(`${this.server.apiUrl}/v1_1/${cloudName}/${path}`, {
      ...init,
      headers: authorization === null ? {} : { authorization: authorization ?? right },
    });
  }

  get(url: string, init: RequestInit = {}): Promise<Told> {
    return this.#tell(url, init);
  }

  /** @param path after the type: `v1/files/a.txt`, `w_10/v1/files/a` */
  delivery(kind: string, transformation: string, source: string): string {
    const { apiSecret, signatureAlgorithm } = this.#settings;
    const text = [transformation, source].filter((part) => part !== '').join('/');
    const signature = deliverySignature(text, apiSecret, signatureAlgorithm);
    const middle = transformation === '' ? '' : `${transformation}/`;
    return `${this.server.deliveryUrl}/${kind}/s--${signature}--/${middle}v1/${source}`;
  }

  token(path: string, expiry: number, boundTo = path): string {
    const { authTokenKey } = this.#settings;
    const url = `${this.server.deliveryUrl}/${path}`;
    const pathname = new URL(`${this.server.deliveryUrl}/${boundTo}`).pathname;
    return `${url}?__cld_token__=exp=${expiry}~hmac=${tokenHmac(String(expiry), pathname, authTokenKey)}`;
  }

  download(fields: Fields, change: (signed: Fields) => Fields = (signed) => signed, kind = 'raw'): string {
    const { cloudName } = this.#settings;
    const all = { public_id: 'files/a.txt', type: 'authenticated', expires_at: String(nowSeconds() + 60), ...fields };
    return `${this.server.apiUrl}/v1_1/${cloudName}/${kind}/download?${new URLSearchParams(change(this.signed(all)))}`;
  }

  async #tell(url: string, init: RequestInit): Promise<Told> {
    const response = await fetch(url, init);
    const text = await response.text();
    return { status: response.status, message: response.headers.get('x-cld-error') ?? text };
  }
}
