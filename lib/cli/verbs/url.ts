/** `url`: a signed URL that reads an object, or what a client needs to upload one. */
import { resolveOptions } from '../../config/resolve-options.js';
import { NotSupportedError, type SignedUpload } from '../../contract/index.js';
import type { StorageService } from '../../storage.service.js';
import type { CommandContext, CommandWork } from '../command-context.js';
import { withStorage } from '../open-storage.js';
import { namedStorage } from '../storage-names.js';

export interface UrlArguments {
  readonly storage: string;
  readonly key: string;
  /** Seconds. */
  readonly expires?: number;
  /** True: under the key's own name. */
  readonly download?: boolean | string;
  readonly upload?: boolean;
  readonly type?: string;
  readonly size?: number;
  readonly maxSize?: number;
}

export const url: CommandWork<UrlArguments> = (asked, context) =>
  withStorage(context, asked.storage, async (storage) => {
    assertUrls(storage, asked);
    const { key, expires: expiresIn, type: contentType, size, maxSize } = asked;
    const { signal } = context;
    if (asked.upload) {
      return tellUpload(
        await storage.getUploadUrl(key, { expiresIn, contentType, size, maxSize, signal }),
        key,
        context,
      );
    }
    const made = await storage.getUrl(key, { expiresIn, contentType, download: asked.download, signal });
    const { terminal, json } = context;
    await (json ? terminal.json({ key, url: made, ...(expiresIn && { expiresIn }) }) : terminal.line(made));
  });

/** The URLs of most backends are the store's own; those of the others are the app's, and need its address and secret. */
function assertUrls(storage: StorageService, { storage: name, key, upload }: UrlArguments): void {
  const { getUrl, getUploadUrl } = storage.capabilities;
  if ((upload ? getUploadUrl : getUrl).length > 0) return;
  const { envPrefix } = namedStorage(name);
  const { baseUrl, secrets } = resolveOptions({ envPrefix }).urls;
  const unset = [baseUrl === undefined && 'STORAGE_BASE_URL', secrets === undefined && 'STORAGE_URL_SECRET'].filter(
    (variable) => variable !== false,
  );
  if (unset.length === 0) return;
  throw new NotSupportedError({
    operation: upload ? 'getUploadUrl' : 'getUrl',
    key,
    backend: storage.backendName,
    reason: `this backend has no URLs of its own, and ${unset.join(' and ')} ${unset.length === 1 ? 'is' : 'are'} not set`,
    advice: 'Its URLs are those of your app: set both to what they are there.',
  });
}

async function tellUpload(upload: SignedUpload, key: string, { terminal, json }: CommandContext): Promise<void> {
  if (json) return terminal.json({ key, ...upload });
  await terminal.line(`${upload.method} ${upload.url}`);
  for (const [name, value] of Object.entries(upload.headers)) await terminal.line(`${name}: ${value}`);
  for (const [name, value] of Object.entries(upload.fields ?? {})) await terminal.line(`field ${name}=${value}`);
  terminal.note(`Good until ${upload.expiresAt.toISOString()}.`);
}
