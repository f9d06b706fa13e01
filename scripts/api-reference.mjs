/** Options of typedoc: an API reference of every published subpath. An exported name without a docstring fails it. */
import { readFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const path = (relative) => new URL(relative, root).pathname;
const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** The sources behind `exports`, so that a new subpath is in the reference at once. */
const entryPoints = Object.values(exports).flatMap(({ types }) =>
  types ? [path(types.replace('./dist/', 'lib/').replace(/\.d\.ts$/, '.ts'))] : [],
);

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'nestjs-storage',
  entryPoints,
  tsconfig: path('tsconfig.build.json'),
  out: path('docs/api'),
  readme: 'none',
  excludeInternal: true,
  excludePrivate: true,
  hideGenerator: true,
  disableSources: true,
  blockTags: ['@publicApi', '@param', '@returns', '@throws', '@example', '@default', '@see', '@deprecated'],
  validation: { notDocumented: true, notExported: true, invalidLink: true },
  // Properties speak through their names and types where that is enough.
  requiredToBeDocumented: ['Class', 'Interface', 'Function', 'TypeAlias', 'Enum', 'Variable', 'CallSignature'],
  intentionallyNotExported: ['StorageStatus', 'Options', 'Body'],
  treatWarningsAsErrors: true,
};
