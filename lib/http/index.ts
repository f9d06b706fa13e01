export * from './storage-exception.filter.js';
export * from './storage-http-answer.js';
