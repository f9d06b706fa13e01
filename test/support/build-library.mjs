/** Jest's global set-up: compiles the library once, for tests that start it in processes of their own. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const root = new URL('../../', import.meta.url);

/** Inside node_modules, so that the compiled library finds its packages; incremental, so that the next run is quick. */
export const builtLibrary = new URL('node_modules/.cache/nestjs-storage/lib/', root);

export default async function buildLibrary() {
  const buildInfo = new URL('../lib.tsbuildinfo', builtLibrary).pathname;
  const tsc = new URL('node_modules/typescript/bin/tsc', root).pathname;
  const project = ['-p', 'tsconfig.build.json', '--declaration', 'false', '--outDir', builtLibrary.pathname];
  const cache = ['--incremental', '--tsBuildInfoFile', buildInfo];
  await promisify(execFile)(process.execPath, [tsc, ...project, ...cache], { cwd: root }).catch((error) => {
    throw new Error(`the library does not compile:\n${error.stdout}`, { cause: error });
  });
}
