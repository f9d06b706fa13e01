/** The Chromium of this machine. */
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

export async function launchChromium(): Promise<Browser> {
  const named = process.env.CHROMIUM_PATH;
  const executablePath = (named ? [named] : USUAL_PLACES).find((path) => existsSync(path));
  if (!executablePath) {
    throw new Error(
      'Chromium is missing. Install it (Debian and Ubuntu: apt-get install --no-install-recommends chromium), ' +
        'or set CHROMIUM_PATH to where it is.',
    );
  }
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-quic', '--disable-background-networking'],
  });
}
