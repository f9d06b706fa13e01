/** Clients that stop while they hold room in the part buffers, and clients that wait for it. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { partBuffers } from '../../lib/backends/s3/index.js';
import { StorageService } from '../../lib/index.js';
import { StorageFileInterceptor } from '../../lib/uploads/index.js';
import { MIB, startService, type Service } from '../backends/s3-rig.js';
import { onPlatforms } from '../support/platforms.js';
import {
  eventually,
  filePart,
  multipart,
  openUpload,
  readAnswer,
  route,
  sendRaw,
  startApp,
  type UploadApp,
} from './upload-app.js';

onPlatforms('on $name', (platform) => {
  const { limit } = partBuffers;
  let service: Service;
  let app: UploadApp;

  beforeAll(async () => {
    service = await startService();
    const backend = service.backend({
      dialect: 'aws',
      endpoint: `http://s3.example.com:${service.port}`,
      region: 'us-east-1',
      pathStyle: true,
      partBufferBytes: 5 * MIB,
    });
    const limits = { fileSize: '20mb' };
    app = await startApp(platform, { default: new StorageService(backend) }, [
      route('patient', StorageFileInterceptor('file', { limits, stallTimeout: 1 })),
      route('impatient', StorageFileInterceptor('file', { limits, stallTimeout: 0.2 })),
    ]);
  });

  afterAll(async () => {
    await app.close();
    await service.close();
    partBuffers.limit = limit;
  });

  it('who stops is cut off after the stall time, and who waits for the room meanwhile is not blamed', async () => {
    const body = multipart(filePart('name="file"; filename="a.bin"', Buffer.alloc(8 * MIB, 7)));
    const stopped = await openUpload(app.port, '/patient', body.length);
    stopped.write(body.subarray(0, 2 * MIB));
    const cutOff = readAnswer(stopped);
    expect(await eventually(() => partBuffers.used === 5 * MIB)).toBe(true);
    const waited = sendRaw(`${app.url}/impatient`, body);
    expect(await eventually(() => partBuffers.waiting === 1)).toBe(true);
    const begun = performance.now();
    expect((await waited).status).toBe(201);
    expect(performance.now() - begun).toBeGreaterThan(400);
    expect(await cutOff).toMatch(/^HTTP\/1.1 408/);
    expect(partBuffers.used).toBe(0);
    stopped.destroy();
  });
});
