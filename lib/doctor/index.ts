/** Finds out whether a storage's set-up works, and what is wrong where it does not. */
export { diagnoseStorage } from './diagnose-storage.js';
export {
  DIAGNOSIS_STEPS,
  type DiagnoseOptions,
  type Diagnosis,
  type DiagnosisOutcome,
  type DiagnosisStep,
  type DiagnosisStepId,
} from './diagnosis.js';
