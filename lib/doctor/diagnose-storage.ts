/** Tries a storage step by step, as the module would set it up, and says what came of it. */
import { resolveOptions } from '../config/resolve-options.js';
import { DEFAULT_STORAGE } from '../service/storage.registry.js';
import type { DiagnoseOptions, Diagnosis, DiagnosisStep } from './diagnosis.js';

/**
 * Tries the storage that these options and the environment describe. It resolves for a broken set-up too: the answer
 * says which step failed, why, and what to do.
 *
 * @publicApi
 */
export async function diagnoseStorage(options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const began = performance.now();
  const since = () => (performance.now() - began) / 1000;
  const title = 'Read the settings';
  const steps: DiagnosisStep[] = [];
  let backend: string | undefined;
  let reason: string | undefined;
  try {
    const resolved = resolveOptions(options);
    backend = typeof resolved.backend === 'string' ? resolved.backend : resolved.backend.name;
    reason = resolved.summary;
    steps.push({ id: 'settings', title, outcome: 'passed', seconds: since(), detail: resolved.summary });
  } catch (error) {
    steps.push({ id: 'settings', title, outcome: 'failed', seconds: since(), cause: (error as Error).message });
  }
  for (const step of steps) options.onStep?.(step);
  const ok = steps.every(({ outcome }) => outcome !== 'failed');
  return { storage: options.name ?? DEFAULT_STORAGE, backend, reason, ok, steps, seconds: since() };
}
