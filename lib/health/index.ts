/** Needs @nestjs/terminus. */
export type { ProbeOutcome } from './probe.js';
export type { StorageHealthAnswer } from './storage-health.controller.js';
export * from './storage-health.module.js';
export * from './storage.health.js';
