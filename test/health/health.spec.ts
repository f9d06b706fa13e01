import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Module, type DynamicModule, type INestApplication } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import { StorageHealthIndicator, StorageHealthModule } from '../../lib/health/index.js';
import {
  MemoryBackend,
  StorageModule,
  StorageUnavailableError,
  type CheckOptions,
  type StorageModuleOptions,
} from '../../lib/index.js';
import { onPlatforms } from '../support/platforms.js';

/** A store whose health a test decides. */
class Patient extends MemoryBackend {
  checks: CheckOptions[] = [];
  ill: 'no' | 'refuses' | 'hangs' = 'no';

  override async check(options: CheckOptions): Promise<void> {
    this.checks.push(options);
    if (this.ill === 'hangs') await new Promise(() => undefined);
    if (this.ill === 'refuses') {
      throw new StorageUnavailableError({
        operation: 'checkHealth',
        key: '/srv/secret/path',
        backend: this.name,
        cause: new Error('connect ECONNREFUSED key=hunter2'),
      });
    }
  }
}

const open: INestApplication[] = [];

onPlatforms('on $name', (platform) => {
  afterEach(async () => {
    for (const app of open.splice(0)) await app.close();
  });

  const storage = (backend: Patient, extra: StorageModuleOptions = {}): DynamicModule =>
    StorageModule.forRoot({ backend, urls: { secret: 's'.repeat(32) }, env: {}, ...extra });

  async function start(...imports: NonNullable<DynamicModule['imports']>): Promise<string> {
    const app = platform.createTesting(await Test.createTestingModule({ imports }).compile());
    open.push(app);
    await app.listen(0, '127.0.0.1');
    return app.getUrl();
  }

  describe('StorageHealthModule', () => {
    it('answers GET /_ops/health in the shape that the docs give', async () => {
      const url = await start(storage(new Patient()), StorageHealthModule.forRoot());
      const answer = await fetch(`${url}/_ops/health`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(await answer.json()).toEqual({
        status: 'healthy',
        storage: { backend: 'MemoryBackend', status: 'connected' },
      });
    });

    it('answers 503 for a store that is down, with nothing of the inside', async () => {
      const patient = new Patient();
      patient.ill = 'refuses';
      const url = await start(storage(patient), StorageHealthModule.forRoot());
      const answer = await fetch(`${url}/_ops/health`);
      const body = await answer.text();
      expect(answer.status).toBe(503);
      expect(JSON.parse(body)).toEqual({
        status: 'unhealthy',
        storage: { backend: 'MemoryBackend', status: 'disconnected' },
      });
      expect(body).not.toMatch(/secret|hunter2|ECONN/);
    });

    it('refuses to start for a storage that is not there', async () => {
      const missing = StorageHealthModule.forRoot({ storages: [{}, { storage: 'dcos' }] });
      await expect(start(storage(new Patient()), missing)).rejects.toThrow(
        'there is no storage named "dcos". There is "default".',
      );
    });

    it('watches several storages under a path of the app', async () => {
      const [well, ill] = [new Patient(), new Patient()];
      ill.ill = 'refuses';
      const url = await start(
        storage(well),
        storage(ill, { name: 'docs' }),
        StorageHealthModule.forRoot({ path: 'healthz', storages: [{}, { storage: 'docs', write: true }] }),
      );
      const answer = await fetch(`${url}/healthz`);
      expect(answer.status).toBe(503);
      expect(await answer.json()).toEqual({
        status: 'unhealthy',
        storage: { backend: 'MemoryBackend', status: 'connected' },
        storages: { docs: { backend: 'MemoryBackend', status: 'disconnected' } },
      });
      expect(well.checks[0]?.write).toBe(false);
      expect(ill.checks[0]?.write).toBe(true);
    });
  });

  describe('StorageHealthIndicator', () => {
    const indicatorOf = async (patient: Patient): Promise<StorageHealthIndicator> => {
      await start(storage(patient), StorageHealthModule.forRoot({ path: false }));
      return open.at(-1)!.get(StorageHealthIndicator, { strict: false });
    };

    it('works in a check of the app', async () => {
      @Controller('health')
      class HealthController {
        constructor(
          private readonly health: HealthCheckService,
          private readonly indicator: StorageHealthIndicator,
        ) {}

        @Get()
        @HealthCheck()
        check() {
          return this.health.check([() => this.indicator.isHealthy('files', { cache: 0 })]);
        }
      }
      @Module({
        imports: [TerminusModule, StorageHealthModule.forRoot({ path: false })],
        controllers: [HealthController],
      })
      class HealthModule {}
      const patient = new Patient();
      const url = await start(storage(patient), HealthModule);
      const up = await fetch(`${url}/health`);
      expect(up.status).toBe(200);
      expect(await up.json()).toMatchObject({ status: 'ok', info: { files: { status: 'up', backend: 'memory' } } });
      patient.ill = 'refuses';
      const down = await fetch(`${url}/health`);
      const body = await down.text();
      expect(down.status).toBe(503);
      expect(JSON.parse(body)).toMatchObject({ error: { files: { status: 'down', reason: 'unavailable' } } });
      expect(body).not.toMatch(/secret|hunter2|ECONN/);
    });

    it('ends within its time-out when the store hangs', async () => {
      const patient = new Patient();
      patient.ill = 'hangs';
      const indicator = await indicatorOf(patient);
      const started = performance.now();
      expect(await indicator.isHealthy('files', { timeout: 0.2 })).toMatchObject({
        files: { status: 'down', reason: 'timeout' },
      });
      expect(performance.now() - started).toBeLessThan(5000);
      expect(patient.checks[0]?.signal?.aborted).toBe(true);
    });

    it('asks once for many askers, and again when the answer is old', async () => {
      const patient = new Patient();
      const indicator = await indicatorOf(patient);
      await Promise.all(Array.from({ length: 20 }, () => indicator.isHealthy('files', { cache: 0.2 })));
      expect(patient.checks).toHaveLength(1);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await indicator.isHealthy('files', { cache: 0.2 });
      expect(patient.checks).toHaveLength(2);
    });

    it('names the storages there are when it is asked for another', async () => {
      const indicator = await indicatorOf(new Patient());
      await expect(indicator.isHealthy('files', { storage: 'nope' })).rejects.toThrow(
        /no storage named "nope".*"default"/,
      );
    });
  });
});
