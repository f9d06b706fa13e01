export type { FileServingPolicy } from './serving-policy.js';
export * from './signed-routes.js';
export * from './signed-routes.module.js';
export * from './signed-urls.js';
export * from './storage-files.controller.js';
