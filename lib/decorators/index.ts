export * from './inject-storage-backend.decorator.js';
export * from './inject-storage.decorator.js';
