/** Tries a storage step by step, as the module would set it up, and says what came of it. */
import fs from 'node:fs/promises';
import { accessStep } from './access.step.js';
import { corsStep } from './cors.step.js';
import { deleteStep } from './delete.step.js';
import type { DiagnoseOptions, Diagnosis } from './diagnosis.js';
import { folderStep, spaceStep } from './folder.steps.js';
import { uploadUrlStep, urlStep } from './links.steps.js';
import { listStep, rangeStep, readStep, writeStep } from './objects.steps.js';
import { clockStep, reachStep } from './reach.steps.js';
import { StepRunner } from './run-steps.js';
import { backendStep, settingsStep } from './settings.steps.js';
import type { Step } from './step.js';
import { Trial } from './trial.js';

const FOR_ALL = [writeStep, readStep, rangeStep, listStep, urlStep, uploadUrlStep];
const OF_SERVICE = [reachStep, clockStep, accessStep, ...FOR_ALL, corsStep];

/** What is tried of each kind of store, once its settings are known. */
const STEPS: Readonly<Record<string, readonly Step[]>> = {
  local: [folderStep, spaceStep, ...FOR_ALL],
  memory: FOR_ALL,
  s3: OF_SERVICE,
  gcs: OF_SERVICE,
  cloudinary: OF_SERVICE,
  own: [accessStep, ...FOR_ALL, corsStep],
};

/** Why it is this backend: what the summary says in brackets. */
function reasonOf(trial: Trial): string | undefined {
  const { summary } = trial.resolved;
  const reason = /\((.*)\)$/s.exec(summary)?.[1];
  return reason && trial.secrets.scrub(reason);
}

/**
 * Tries the storage that these options and the environment describe: settings, way, clock, credentials, and a small
 * object written, read, listed, linked to and deleted. Everything that it writes has a key below one random prefix
 * (`.storage-doctor-` and 32 hexadecimal digits) and is removed, also where a step fails or the signal fires.
 *
 * It resolves for a broken set-up too: the answer says which step failed, the likely cause, and what to do. Steps that
 * stand on a failed one are skipped. No text holds a secret.
 *
 * @example const { ok, steps } = await diagnoseStorage({ origin: 'https://app.example.com' });
 * @publicApi
 */
export async function diagnoseStorage(options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const began = performance.now();
  const trial = new Trial(options);
  const runner = new StepRunner(trial);
  const { signal } = options;
  try {
    for (const step of [settingsStep, backendStep]) await runner.run(step, signal);
    const steps = trial.settled ? (STEPS[trial.kind] ?? []) : [];
    try {
      for (const step of steps) await runner.run(step, signal);
    } finally {
      // Whatever failed, whoever stopped it, and whatever onStep throws: what was written goes.
      if (steps.length > 0) await runner.run(deleteStep, undefined);
    }
  } finally {
    await letGo(trial);
  }
  const { backend } = trial.settled ? trial.resolved : {};
  return {
    storage: trial.name,
    backend: typeof backend === 'object' ? backend.name : backend,
    reason: trial.settled ? reasonOf(trial) : undefined,
    ok: !runner.failed && signal?.aborted !== true,
    steps: runner.steps,
    seconds: (performance.now() - began) / 1000,
  };
}

async function letGo(trial: Trial): Promise<void> {
  // Whoever asks for a diagnosis wants it, not that a connection did not close well.
  await trial.close().catch(() => undefined);
  for (const folder of trial.folders) await fs.rm(folder, { recursive: true, force: true });
}
