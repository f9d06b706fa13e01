/**
 * The conformance suite against Ceph's object gateway: plain, scoped, through its presigned URLs, and through the signed
 * routes of an app that stands before the bucket.
 */
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { registerConformance, type ConformanceTarget } from '../../../lib/testing/index.js';
import { ScopeBackend } from '../../../lib/wrappers/index.js';
import { served } from '../../conformance/served-backend.js';
import { onPlatforms } from '../../support/platforms.js';
import { makeBucket, MIB } from './ceph.js';

const runner = { describe, it, beforeAll, afterAll };
const multipartBytes = 6 * MIB;
// DeleteObjects answers for a missing key as for one that was there.
const settings = { blindDeletes: true };

async function ceph(): Promise<ConformanceTarget> {
  const bucket = await makeBucket();
  return { backend: bucket.backend({ partSize: 5 * MIB }), close: () => bucket.remove() };
}

registerConformance(runner, { name: 's3 on ceph', create: ceph, multipartBytes, settings });

registerConformance(runner, {
  name: 's3 on ceph, scoped',
  multipartBytes,
  settings,
  create: async () => {
    const target = await ceph();
    return { ...target, backend: new ScopeBackend(target.backend, 'tenants/acme 公司') };
  },
});

registerConformance(runner, {
  name: 's3 on ceph, through presigned URLs',
  multipartBytes,
  // The gateway of Ceph 16 takes "bytes=-0" for the whole object.
  settings: { ...settings, looseEmptyRanges: true },
  create: async () => ({ ...(await ceph()), reach: 'url' }),
});

onPlatforms("via: 'app' on $name", (platform) => {
  const throughApp = async () => {
    const bucket = await makeBucket();
    return served(platform, bucket.backend({ partSize: 5 * MIB, via: 'app' }), () => bucket.remove());
  };
  const throughRoutes = { multipartBytes, settings: { ...settings, headOnUrls: true } };

  registerConformance(runner, { name: 's3 on ceph', create: throughApp, ...throughRoutes });

  registerConformance(runner, {
    name: 's3 on ceph, scoped',
    ...throughRoutes,
    create: async () => {
      const target = await throughApp();
      return { ...target, backend: new ScopeBackend(target.backend, 'tenants/acme 公司') };
    },
  });
});
