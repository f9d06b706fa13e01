/** The document of `doctor --json`: its fields are those of the guide, in every set-up, and stay so. */
import { afterEach, expect, it } from '@jest/globals';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { diagnoseStorage, DIAGNOSIS_STEPS, type Diagnosis } from '../../lib/doctor/index.js';
import { Place } from '../cli/cli-process.js';
import { BROKEN, putAway } from './set-ups.js';

afterEach(putAway);

const OUTCOMES = ['passed', 'warned', 'failed', 'skipped'];

/** Fields with their types; those that may be left out end with `?`. */
const DIAGNOSIS = {
  storage: 'string',
  'backend?': 'string',
  'reason?': 'string',
  ok: 'boolean',
  steps: 'object',
  seconds: 'number',
};
const STEP = {
  id: 'string',
  title: 'string',
  outcome: 'string',
  seconds: 'number',
  'detail?': 'string',
  'cause?': 'string',
  'advice?': 'string',
};

function expectFields(value: object, fields: Readonly<Record<string, string>>): void {
  const types = Object.fromEntries(Object.entries(value).map(([name, field]) => [name, typeof field]));
  const wanted = Object.entries(fields)
    .filter(([name]) => !name.endsWith('?') || types[name.slice(0, -1)] !== undefined)
    .map(([name, type]) => [name.replace('?', ''), type]);
  expect(types).toEqual(Object.fromEntries(wanted));
}

function expectDocument(diagnosis: Diagnosis): void {
  expectFields(diagnosis, DIAGNOSIS);
  for (const step of diagnosis.steps) {
    expectFields(step, STEP);
    const isExplained = step.outcome === 'failed' || step.outcome === 'warned';
    expect([step.id, 'cause' in step, 'advice' in step]).toEqual([step.id, isExplained, isExplained]);
    expect(OUTCOMES).toContain(step.outcome);
  }
  const order = diagnosis.steps.map(({ id }) => DIAGNOSIS_STEPS.indexOf(id));
  expect(order).toEqual([...new Set(order)].filter((at) => at >= 0).sort((a, b) => a - b));
  expect(diagnosis.ok).toBe(diagnosis.steps.every(({ outcome }) => outcome !== 'failed'));
}

it('has the same fields for every broken set-up', async () => {
  for (const [, , , make] of BROKEN) {
    // What programs get: fields without a value are not in it.
    expectDocument(JSON.parse(JSON.stringify(await diagnoseStorage(await make()))) as Diagnosis);
  }
});

it('is one document on standard output, good or broken, whose ok is the exit code', async () => {
  const place = await Place.make();
  try {
    const good = await place.runProcess(['doctor', '--json']);
    expect([good.code, good.err]).toEqual([0, '']);
    expectDocument(JSON.parse(good.out) as Diagnosis);
    await fs.rm(place.files, { recursive: true, force: true });
    await fs.writeFile(place.files, 'a file in place of the folder');
    const broken = await place.runProcess(['doctor', '--json']);
    expect([broken.code, broken.err]).toEqual([1, '']);
    expectDocument(JSON.parse(broken.out) as Diagnosis);
  } finally {
    await place.remove();
  }
});

it('is as the guide has it, in table and example', async () => {
  const guide = await fs.readFile(join(import.meta.dirname, '../../docs/doctor.md'), 'utf8');
  const section = guide.split(/^## /m).find((part) => part.startsWith('As JSON'))!;
  const rows = [...section.matchAll(/^\| `([\w.[\]]+)` +\| (\w+) /gm)].map(([, name, type]) => [name, type]);
  const named = ([name, type]: readonly [string, string]) => [
    name.replace('?', ''),
    type === 'object' ? 'array' : type,
  ];
  expect(rows).toEqual([
    ...Object.entries(DIAGNOSIS).map(named),
    ...Object.entries(STEP).map(([name, type]) => named([`steps[].${name}`, type])),
  ]);
  expectDocument(JSON.parse(/```json\n(.*?)```/s.exec(section)![1]!) as Diagnosis);
  for (const outcome of OUTCOMES) expect(section).toContain(`\`${outcome}\``);
});
