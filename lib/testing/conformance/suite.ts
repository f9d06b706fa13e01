/** The suite: every case over one harness, for any runner. */
import { randomBytes } from 'node:crypto';
import { CaseContext } from './case-context.js';
import type { CaseDefinition } from './case-definition.js';
import { CASES } from './cases/index.js';
import type { ConformanceCase, ConformanceHarness, ConformanceTarget } from './harness.js';

let runs = 0;

async function runCase(
  definition: CaseDefinition,
  harness: ConformanceHarness,
  target: ConformanceTarget,
): Promise<void> {
  // Other runs may use the same store at the same time.
  const folder = `conformance-${randomBytes(6).toString('hex')}-${runs++}/`;
  const context = new CaseContext(target, harness, folder);
  try {
    await definition.run(context);
  } catch (error) {
    // What the case found comes first; a clean-up that fails after it is most likely a consequence.
    await context.cleanUp().catch(() => undefined);
    throw error;
  }
  await context.cleanUp();
}

/**
 * The promises of the contract as cases that stand alone: each makes its own target and closes it.
 *
 * @publicApi
 */
export function conformanceCases(harness: ConformanceHarness): ConformanceCase[] {
  return CASES.map((definition) => ({
    group: definition.group,
    name: definition.name,
    run: async () => {
      const target = await harness.create();
      try {
        await runCase(definition, harness, target);
      } finally {
        await target.close();
      }
    },
  }));
}

type Body = () => Promise<void>;

/** The functions of a test runner that the suite needs: jest, vitest, mocha and node:test have them all. */
export interface ConformanceRunner {
  /** Opens a group. */
  describe(name: string, body: () => void): unknown;
  /** Registers a test. */
  it(name: string, body: Body): unknown;
  /** `before` in mocha and node:test. Without it and `afterAll` each case makes its own target. */
  beforeAll?(body: Body): unknown;
  /** `after` in mocha and node:test. */
  afterAll?(body: Body): unknown;
}

/**
 * Registers the suite with a test runner; with its hooks all cases share one target.
 *
 * @example registerConformance({ describe, it, beforeAll, afterAll }, { name: 'mine', create: async () => ... })
 * @publicApi
 */
export function registerConformance(runner: ConformanceRunner, harness: ConformanceHarness): void {
  const { describe, it, beforeAll, afterAll } = runner;
  const shared = beforeAll !== undefined && afterAll !== undefined;
  describe(`conformance of ${harness.name}`, () => {
    let target: ConformanceTarget | undefined;
    if (shared) {
      beforeAll(async () => {
        target = await harness.create();
      });
      afterAll(async () => {
        await target?.close();
      });
    }
    const alone = new Map(conformanceCases(harness).map((test) => [test.name, test]));
    for (const group of new Set(CASES.map((definition) => definition.group))) {
      describe(group, () => {
        for (const definition of CASES.filter((candidate) => candidate.group === group)) {
          it(definition.name, async () => {
            if (target) await runCase(definition, harness, target);
            else await alone.get(definition.name)!.run();
          });
        }
      });
    }
  });
}
