/** Looks at a key after a lost answer, and tells by the service's own clock what was there before the request. */
import type { GcsApi } from './gcs-api.js';
import { isMissingObject } from './gcs-errors.js';
import { OBJECT_FIELDS, objectPath, type ObjectResource } from './object-resource.js';

/** What is there. Its age is beside the request, and `unclear` within a second of it: that is all the clock tells. */
export type Sighting =
  { readonly age: 'none' } | { readonly age: 'older' | 'newer' | 'unclear'; readonly object: ObjectResource };

export class Lookout {
  readonly #api: GcsApi;
  readonly #bucket: string;
  readonly #key: string;
  readonly #started = performance.now();

  /** Made before the request is sent. */
  constructor(api: GcsApi, bucket: string, key: string) {
    this.#api = api;
    this.#bucket = bucket;
    this.#key = key;
  }

  /** @returns undefined where it cannot be told. @throws the signal's reason */
  async look(signal?: AbortSignal): Promise<Sighting | undefined> {
    const asked = performance.now() - this.#started;
    try {
      const { value, answer } = await this.#api.json<ObjectResource>({
        method: 'GET',
        path: objectPath(this.#bucket, this.#key),
        query: { fields: OBJECT_FIELDS },
        signal,
      });
      const answered = performance.now() - this.#started;
      return { object: value, age: ageOf(value, answer.response.headers.date, asked, answered) };
    } catch (error) {
      signal?.throwIfAborted();
      return isMissingObject(error) ? { age: 'none' } : undefined;
    }
  }
}

/**
 * @param date of the answer, in whole seconds: it was made within the second that begins there
 * @param asked milliseconds from the request to the look
 * @param answered milliseconds from the request to the look's answer
 */
function ageOf(
  { timeCreated = '' }: ObjectResource,
  date: string | undefined,
  asked: number,
  answered: number,
): 'older' | 'newer' | 'unclear' {
  const created = Date.parse(timeCreated);
  const now = Date.parse(date ?? '');
  if (created < now - answered) return 'older';
  return created >= now + 1000 - asked ? 'newer' : 'unclear';
}
