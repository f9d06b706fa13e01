export * from './app-urls.backend.js';
export * from './borrowed.backend.js';
export * from './contextual.backend.js';
export * from './dynamic-scope.backend.js';
export * from './forwarding.backend.js';
export * from './read-only.backend.js';
export * from './scope.backend.js';
