/** A row of the tables of causes: what it fits, and what it says. */
import type { StorageErrorCode } from '../contract/index.js';
import type { DiagnosisStepId } from './diagnosis.js';
import type { FailureFacts } from './failure-facts.js';
import type { StoreAddress, Trial } from './trial.js';

/** The failure, and what is known around it. */
export interface FailureContext {
  readonly trial: Trial;
  readonly step: DiagnosisStepId;
  readonly facts: FailureFacts;
  /** Who was asked. */
  readonly place: StoreAddress;
  /** What a variable of this storage is called. */
  readonly variable: (name: string) => string;
}

export type Words = string | ((context: FailureContext) => string);

/** All that is given of the first five must fit. */
export interface CauseRow {
  /** One of these names or codes is in the chain of causes. */
  readonly codes?: readonly string[];
  /** The messages say so. */
  readonly says?: RegExp;
  readonly reason?: readonly StorageErrorCode[];
  readonly status?: readonly number[];
  readonly when?: (context: FailureContext) => boolean;
  readonly cause: Words;
  readonly advice: Words;
}
