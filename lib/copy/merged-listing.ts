/** Both listings side by side: each key once, with what either side has of it. */
import { compareKeys, StorageFileNotFoundError } from '../contract/index.js';
import type { ListedFile, ListedPage } from '../service/index.js';
import type { StorageService } from '../storage.service.js';

/** A key of the source, of the target, or of both. */
export interface ListedPair {
  readonly key: string;
  readonly source: ListedFile | undefined;
  /** Undefined where it is not there; null where it was not looked for, and has to be asked. */
  readonly target: ListedFile | undefined | null;
}

/** What is listed, and until when. */
export interface ListedPlaces {
  readonly from: StorageService;
  readonly to: StorageService;
  readonly prefix: string;
  readonly signal: AbortSignal;
  /** Told of objects of the source whose names are no keys. */
  readonly onPassedOver?: (names: number) => void;
}

/** Entries of a page that is read while the one before is used. */
async function* readAhead(
  storage: StorageService,
  { from, prefix, signal, onPassedOver }: ListedPlaces,
): AsyncGenerator<ListedFile, void, undefined> {
  let page: Promise<ListedPage> | undefined = storage.listPage({ prefix, signal });
  while (page) {
    const { files, cursor, passedOver }: ListedPage = await page;
    if (passedOver !== undefined && storage === from) onPassedOver?.(passedOver);
    page = cursor === undefined ? undefined : storage.listPage({ prefix, signal, cursor });
    // Told when it is awaited; a failure must not surface as unhandled before.
    page?.catch(() => undefined);
    yield* files;
  }
}

/** Whether a listing of the target tells at once what is there: in key order, and of all that was written. */
function listsReliably({ capabilities }: StorageService): boolean {
  return capabilities.ordering === 'utf8' && capabilities.consistency === 'strong';
}

/** Whether both sides are listed in one go; else the target is asked for each key of the source. */
export function listsSideBySide({ from, to }: Pick<ListedPlaces, 'from' | 'to'>): boolean {
  return from.capabilities.ordering === 'utf8' && listsReliably(to);
}

/** All keys of both sides in order; of the source alone, with the target still to be asked, where there is no order. */
export async function* listPairs(places: ListedPlaces): AsyncGenerator<ListedPair, void, undefined> {
  const { from, to } = places;
  if (!listsSideBySide(places)) {
    for await (const source of readAhead(from, places)) yield { key: source.key, source, target: null };
    return;
  }
  const [sources, targets] = [readAhead(from, places), readAhead(to, places)];
  try {
    let [source, target] = await Promise.all([next(sources), next(targets)]);
    while (source ?? target) {
      const order = !source ? 1 : !target ? -1 : compareKeys(source.key, target.key);
      yield {
        key: (order <= 0 ? source : target)!.key,
        source: order <= 0 ? source : undefined,
        target: order >= 0 ? target : undefined,
      };
      if (order <= 0) source = await next(sources);
      if (order >= 0) target = await next(targets);
    }
  } finally {
    await Promise.all([sources.return(), targets.return()]);
  }
}

async function next(files: AsyncGenerator<ListedFile, void, undefined>): Promise<ListedFile | undefined> {
  const { done, value } = await files.next();
  return done ? undefined : value;
}

/** What is under the key now. */
export async function lookFor(
  storage: StorageService,
  key: string,
  signal: AbortSignal,
): Promise<ListedFile | undefined> {
  try {
    return await storage.getMetadata(key, { signal });
  } catch (error) {
    if (error instanceof StorageFileNotFoundError) return undefined;
    throw error;
  }
}
