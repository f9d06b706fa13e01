/** Says at the end of the default tests which suites were not among them, and how to run or install them. */
import { cephIsInstalled, INSTALL_COMMAND } from './servers/ceph.mjs';

export default class ServersReporter {
  onRunComplete() {
    const next = cephIsInstalled()
      ? 'run it with npm run test:s3'
      : `Ceph is not installed; install it with ${INSTALL_COMMAND}, then npm run test:s3`;
    process.stderr.write(`The S3 suite against a real gateway did not run: ${next}\n`);
  }
}
