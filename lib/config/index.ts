export * from './create-backend.js';
export * from './detect.js';
export * from './environment.js';
export * from './options.js';
export * from './resolve-options.js';
