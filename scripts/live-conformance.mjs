/**
 * Runs the conformance suite against live services: `node scripts/live-conformance.mjs [gcs] [cloudinary]`. Without
 * names, every service whose variables are set; `--list` names those and runs nothing. Writes and deletes only below a
 * folder of its own.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Of each service the variables, of the module's own, that name it: all of one list. */
const SERVICES = {
  gcs: {
    spec: 'test/real/gcs/live.spec.ts',
    variables: [['STORAGE_GCS_BUCKET']],
    hint:
      'STORAGE_GCS_BUCKET, and STORAGE_GCS_CREDENTIALS or GOOGLE_APPLICATION_CREDENTIALS unless the machine has an ' +
      'identity of its own',
  },
  cloudinary: {
    spec: 'test/real/cloudinary/live.spec.ts',
    variables: [
      ['CLOUDINARY_URL'],
      ['STORAGE_CLOUDINARY_CLOUD_NAME', 'STORAGE_CLOUDINARY_API_KEY', 'STORAGE_CLOUDINARY_API_SECRET'],
    ],
    hint:
      'CLOUDINARY_URL=cloudinary://<api key>:<api secret>@<cloud name>, or STORAGE_CLOUDINARY_CLOUD_NAME, ' +
      'STORAGE_CLOUDINARY_API_KEY and STORAGE_CLOUDINARY_API_SECRET',
  },
};

const root = new URL('..', import.meta.url);
const isSet = (name) => SERVICES[name].variables.some((all) => all.every((variable) => process.env[variable]));
const asked = process.argv.slice(2);
if (asked.includes('--list')) {
  console.log(Object.keys(SERVICES).filter(isSet).join(' '));
  process.exit(0);
}
const unknown = asked.filter((name) => !(name in SERVICES));
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(', ')}. Known: ${Object.keys(SERVICES).join(', ')}.`);
  process.exit(2);
}

const chosen = (asked.length > 0 ? asked : Object.keys(SERVICES)).filter(
  (name) => isSet(name) && existsSync(new URL(SERVICES[name].spec, root)),
);
for (const name of asked.filter((service) => !chosen.includes(service))) {
  console.error(`${name}: set ${SERVICES[name].hint}.`);
}
if (chosen.length === 0 || chosen.length < asked.length) {
  if (asked.length === 0) {
    console.error('No live service to run against. Set the variables of one:');
    for (const [name, { hint }] of Object.entries(SERVICES)) console.error(`  ${name}: ${hint}`);
  }
  process.exit(2);
}

let status = 0;
for (const name of chosen) {
  const run = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      '-c',
      'test/real/live.config.mjs',
      '--runTestsByPath',
      SERVICES[name].spec,
    ],
    { cwd: root, stdio: 'inherit' },
  );
  const code = await new Promise((resolve) => run.once('exit', resolve));
  if (code !== 0) status = 1;
}
process.exit(status);
