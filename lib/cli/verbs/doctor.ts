/** `doctor`: tries a storage step by step, and shows each step as it ends. */
import { diagnoseStorage, type Diagnosis, type DiagnosisOutcome, type DiagnosisStep } from '../../doctor/index.js';
import { DEFAULT_STORAGE } from '../../service/storage.registry.js';
import type { CommandWork } from '../command-context.js';
import { EXIT } from '../failures.js';
import { masked } from '../secrets.js';
import { countText, durationText } from '../sizes.js';
import { assertConfigured, namedStorage } from '../storage-names.js';
import { printable, type Meaning, type Terminal } from '../terminal.js';

export interface DoctorArguments {
  readonly storage: string;
  readonly origin?: string;
  /** Seconds a step. */
  readonly timeout?: number;
}

const WORDS: Readonly<Record<DiagnosisOutcome, { readonly word: string; readonly meaning: Meaning }>> = {
  passed: { word: 'ok', meaning: 'good' },
  warned: { word: 'warn', meaning: 'warning' },
  failed: { word: 'FAIL', meaning: 'bad' },
  skipped: { word: 'skip', meaning: 'quiet' },
};

export const doctor: CommandWork<DoctorArguments> = async (asked, context) => {
  const named = namedStorage(asked.storage);
  // That the default storage is not configured is a finding; a name without variables is a slip of the pen.
  if (named.name !== DEFAULT_STORAGE) assertConfigured(named, process.env);
  const { terminal, json, signal } = context;
  // Steps come faster than a slow reader takes them: they are told in order.
  let told = Promise.resolve();
  const diagnosis = await diagnoseStorage({
    ...named,
    origin: asked.origin,
    ...(asked.timeout !== undefined && { timeout: asked.timeout }),
    signal,
    onStep: (step) => {
      if (!json) told = told.then(() => tellStep(step, terminal));
    },
  });
  await told;
  signal.throwIfAborted();
  await (json ? terminal.json(diagnosis) : tellWhole(diagnosis, terminal));
  return diagnosis.ok ? EXIT.done : EXIT.failed;
};

async function tellStep(step: DiagnosisStep, terminal: Terminal): Promise<void> {
  const { word, meaning } = WORDS[step.outcome];
  const time = step.outcome === 'skipped' ? '' : durationText(step.seconds);
  const line = `${terminal.styled(meaning, word.padEnd(4))}  ${time.padStart(7)}  ${shown(step.title)}`;
  await terminal.line(step.detail === undefined ? line : `${line}: ${shown(step.detail)}`);
  if (step.cause !== undefined) await terminal.line(`${' '.repeat(15)}Cause: ${shown(step.cause)}`);
  if (step.advice !== undefined) await terminal.line(`${' '.repeat(15)}To do: ${shown(step.advice)}`);
}

async function tellWhole({ ok, steps, seconds, storage, backend }: Diagnosis, terminal: Terminal): Promise<void> {
  const count = (outcome: DiagnosisOutcome) => steps.filter((step) => step.outcome === outcome).length;
  const warned = count('warned') > 0 ? `, ${countText(count('warned'), 'warning')}` : '';
  const what = `The storage ${storage}${backend === undefined ? '' : ` (${backend})`}`;
  const verdict = ok
    ? terminal.styled('good', `${what} works`)
    : terminal.styled('bad', `${what} does not work: ${countText(count('failed'), 'step')} failed`);
  await terminal.line(`${verdict}${warned}. ${durationText(seconds)}.`);
}

function shown(text: string): string {
  return printable(masked(text));
}
