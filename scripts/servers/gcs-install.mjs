#!/usr/bin/env node
// Installs what judges the project's own Google Cloud Storage server: the storage emulator of firebase-tools (about
// 240 MB, into node_modules/.cache, with no install scripts run). The default install does without it.
//   node scripts/servers/gcs-install.mjs
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = '15.34.2';

export const firebaseFolder = fileURLToPath(
  new URL('../../node_modules/.cache/nestjs-storage/firebase-tools/', import.meta.url),
);

export function isInstalled() {
  return existsSync(join(firebaseFolder, 'node_modules/firebase-tools/package.json'));
}

export function install() {
  if (isInstalled()) return;
  mkdirSync(firebaseFolder, { recursive: true });
  writeFileSync(join(firebaseFolder, 'package.json'), '{ "private": true }\n');
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `firebase-tools@${VERSION}`], {
    cwd: firebaseFolder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  install();
  console.log(`firebase-tools ${VERSION} is installed.`);
}
