/** What every call works on. */
import type { Faults } from './faults.js';
import type { ServiceAccount, TokenEndpoint } from './oauth.js';
import type { ObjectStore } from './object-store.js';
import type { UploadSessions } from './upload-sessions.js';

export interface ServerContext {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  /** For the bytes of larger objects. */
  readonly folder: string;
  readonly account: ServiceAccount;
  readonly store: ObjectStore;
  readonly tokens: TokenEndpoint;
  readonly sessions: UploadSessions;
  readonly faults: Faults;
  /** Bytes that one rewrite call copies; more takes several calls. */
  readonly rewriteStep: number;
  /** Time, so that tests can let URLs expire. */
  readonly now: () => Date;
}
