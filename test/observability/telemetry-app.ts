/** Storage operations under the guide's recipe and a real OpenTelemetry SDK; prints the spans and metrics it exported. */
import { context, metrics, trace, type Attributes } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createStorage } from '../../lib/index.js';

export interface ExportedTelemetry {
  readonly spans: readonly {
    readonly name: string;
    readonly kind: number;
    readonly status: { readonly code: number; readonly message?: string };
    readonly attributes: Attributes;
    readonly parent: string | undefined;
    readonly seconds: number;
  }[];
  readonly request: string;
  readonly metrics: Readonly<Record<string, readonly { readonly attributes: Attributes; readonly value: unknown }[]>>;
}

const spans = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const meters = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter: measured })] });
metrics.setGlobalMeterProvider(meters);

// The recipe as the guide has it, compiled by the test that runs this.
const recipe = './storage-telemetry.js';
const { observeStorages } = (await import(recipe)) as { observeStorages(): void };
observeStorages();

const storage = await createStorage({ name: 'docs', backend: 'memory', env: {} });
const request = trace.getTracer('app').startSpan('request');
await context.with(trace.setSpan(context.active(), request), async () => {
  await storage.scope('tenants/a').put('report.txt', 'twelve bytes');
  const stream = await storage.getStream('tenants/a/report.txt');
  for await (const _chunk of stream);
  await storage.get('nowhere').catch(() => undefined);
});
await new Promise(setImmediate);
request.end();
await meters.forceFlush();

const [resource] = measured.getMetrics();
const told: ExportedTelemetry = {
  spans: spans
    .getFinishedSpans()
    .filter(({ name }) => name !== 'request')
    .map(({ name, kind, status, attributes, parentSpanContext, duration: [seconds, nanos] }) => ({
      name,
      kind,
      status,
      attributes,
      parent: parentSpanContext?.spanId,
      seconds: seconds + nanos / 1e9,
    })),
  request: request.spanContext().spanId,
  metrics: Object.fromEntries(
    resource!.scopeMetrics.flatMap((scope) =>
      scope.metrics.map((metric) => [
        metric.descriptor.name,
        metric.dataPoints.map(({ attributes, value }) => ({ attributes, value })),
      ]),
    ),
  ),
};
await meters.shutdown();
process.stdout.write(JSON.stringify(told));
