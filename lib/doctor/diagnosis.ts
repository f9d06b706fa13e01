/** What a diagnosis is: its steps, what came of each, and the whole. */
import type { StorageOptions } from '../config/options.js';

/**
 * What a diagnosis tries, in this order. A storage has the steps that its kind of store knows: a folder has free space,
 * a bucket has an address and a clock.
 */
export const DIAGNOSIS_STEPS = [
  'settings',
  'backend',
  'reach',
  'clock',
  'access',
  'folder',
  'space',
  'write',
  'read',
  'range',
  'list',
  'url',
  'upload-url',
  'cors',
  'delete',
] as const;

/** One of DIAGNOSIS_STEPS. */
export type DiagnosisStepId = (typeof DIAGNOSIS_STEPS)[number];

/**
 * What came of a step: `passed`; `warned` where it works and something should be looked at; `failed`; `skipped` where
 * there is nothing to try in this set-up, or an earlier step failed that it stands on.
 */
export type DiagnosisOutcome = 'passed' | 'warned' | 'failed' | 'skipped';

/** One step of a diagnosis. No text of it holds a secret. */
export interface DiagnosisStep {
  readonly id: DiagnosisStepId;
  /** What the step does, for people: `Write a small object`. */
  readonly title: string;
  readonly outcome: DiagnosisOutcome;
  /** How long it took. */
  readonly seconds: number;
  /** What was found, or why the step was skipped. */
  readonly detail?: string;
  /** The likely cause, as a sentence. Set where the step failed or warned. */
  readonly cause?: string;
  /** What to do about it, in sentences. Set where the step failed or warned. */
  readonly advice?: string;
}

/** What was found out about one storage. */
export interface Diagnosis {
  /** Name of the storage in the app. */
  readonly storage: string;
  /** `local`, `s3`, ... Undefined where the settings do not say which. */
  readonly backend?: string;
  /** Why it is this backend, as a clause: `STORAGE_S3_BUCKET is set`. */
  readonly reason?: string;
  /** No step failed, and the diagnosis was not stopped. */
  readonly ok: boolean;
  readonly steps: readonly DiagnosisStep[];
  /** How long all of it took. */
  readonly seconds: number;
}

/** Which storage to diagnose, and how. Options of the storage are those of the module. */
export interface DiagnoseOptions extends StorageOptions {
  /** The storage's name in the app. @default 'default' */
  readonly name?: string;
  /**
   * False where the app has no signed routes (`controller: false`): nothing is then asked of their secret and address.
   *
   * @default true
   */
  readonly signedRoutes?: boolean;
  /**
   * Origin of the pages that upload from a browser, such as `https://app.example.com`: the store is asked whether its
   * CORS rules let it.
   *
   * @default none: the CORS step is skipped
   */
  readonly origin?: string;
  /** Seconds that a step may take. @default 10 */
  readonly timeout?: number;
  /** Stops the diagnosis: what was written is removed, and the steps left are skipped. */
  readonly signal?: AbortSignal;
  /** Told of each step as it ends. */
  readonly onStep?: (step: DiagnosisStep) => void;
}
