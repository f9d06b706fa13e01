/** What form an upload interceptor reads, kept where both interceptors and API descriptions find it. */

/** A form field that holds files. */
export interface FileFieldForm {
  readonly name: string;
  /** Several files, under one name. */
  readonly list: boolean;
  /** Most files of a list, where the route says so. */
  readonly maxCount?: number;
}

export interface MultipartForm {
  /** Undefined where any field may hold a file. */
  readonly fields: readonly FileFieldForm[] | undefined;
  /** A request without a file is refused. */
  readonly required: boolean;
  /** Media types that are taken; undefined for all. */
  readonly accept: readonly string[] | undefined;
}

const forms = new WeakMap<object, MultipartForm>();

export function setMultipartForm(interceptor: object, form: MultipartForm): void {
  forms.set(interceptor, form);
}

/** Undefined for anything that is no upload interceptor of this library. */
export function multipartFormOf(interceptor: unknown): MultipartForm | undefined {
  return typeof interceptor === 'function' ? forms.get(interceptor) : undefined;
}
