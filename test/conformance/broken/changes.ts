/** How a store in memory is broken: some of its methods replaced, the rest as they are. */
import { MemoryBackend } from '../../../lib/backends/memory/memory.backend.js';
import type {
  ObjectInfo,
  StagedObject,
  StageOptions,
  StorageBackend,
  StorageCapabilities,
  StorageKey,
} from '../../../lib/contract/index.js';

export interface BrokenBackend {
  readonly what: string;
  make(): StorageBackend;
  /** Names of cases, each of which must fail. */
  readonly caughtBy: readonly string[];
}

type Changes = Partial<{ -readonly [Name in keyof StorageBackend]: StorageBackend[Name] }>;

/** The store in memory with some of its methods replaced. */
export function changed(change: (inner: MemoryBackend) => Changes): StorageBackend {
  const inner = new MemoryBackend();
  const changes = change(inner);
  return new Proxy<StorageBackend>(inner, {
    get: (_, name: keyof StorageBackend) => {
      if (name in changes) return changes[name];
      const value = (inner as StorageBackend)[name];
      return typeof value === 'function' ? value.bind(inner) : value;
    },
  });
}

/** Claims something else than the store in memory. */
export function claiming(
  capabilities: Partial<StorageCapabilities>,
  change: (inner: MemoryBackend) => Changes = () => ({}),
) {
  return changed((inner) => ({ capabilities: { ...inner.capabilities, ...capabilities }, ...change(inner) }));
}

type Stage = StorageBackend['stage'];

/** Replaces what happens to a staged body. */
export function staging(
  wrap: (staged: StagedObject, key: StorageKey, inner: MemoryBackend, options: StageOptions) => Partial<StagedObject>,
  before: (options: StageOptions) => StageOptions = (options) => options,
): StorageBackend {
  return changed((inner) => {
    const stage: Stage = async (key, body, options) => {
      const staged = await inner.stage(key, body, before(options));
      return { ...staged, ...wrap(staged, key, inner, options) };
    };
    return { stage };
  });
}

export const unconditional = (options: StageOptions): StageOptions => ({
  ...options,
  ifMatch: undefined,
  ifNoneMatch: undefined,
});

/** A copy with other facts. */
export async function copied(inner: MemoryBackend, from: StorageKey, to: StorageKey, facts: Partial<ObjectInfo>) {
  const { info, body } = await inner.open(from);
  const staged = await inner.stage(to, body, { ...info, ...facts });
  return staged.commit();
}
