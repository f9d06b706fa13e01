/** Cases: write conditions hold at every kind of write that declares them, and are refused at every other. */
import assert from 'node:assert/strict';
import type { StorageErrorCode, WriteConditions, WriteKind } from '../../../contract/index.js';
import type { StorageBody } from '../../../service/index.js';
import type { CaseContext } from '../case-context.js';
import type { CaseDefinition } from '../case-definition.js';
import { bytesOf, chunked } from '../content.js';

type Condition = 'createOnly' | 'ifMatch';

const ABSENT_ETAG = 'conformance-absent-etag';
const CREATE_ONLY = { ifNoneMatch: '*' } as const;

/** A body that goes the way that the kind names. */
interface Bodies {
  bytes(seed: string): Buffer;
  body(seed: string): StorageBody;
  /** How many may be written at once without a burden. */
  readonly atOnce: number;
}

function bodiesOf(context: CaseContext, condition: Condition, kind: WriteKind): Bodies {
  if (kind === 'single') {
    const bytes = (seed: string) => bytesOf(1000, seed);
    return { bytes, body: bytes, atOnce: 20 };
  }
  const claims = context.capabilities[condition];
  const size = context.multipartBytes ?? 256 * 1024;
  assert.ok(
    context.multipartBytes !== undefined || claims.includes('multipart') || !claims.includes('single'),
    `the backend claims ${condition} for single writes alone: the harness must give multipartBytes to prove the rest`,
  );
  const bytes = (seed: string) => bytesOf(size, seed);
  return { bytes, body: (seed) => chunked(bytes(seed), 64 * 1024), atOnce: context.multipartBytes ? 4 : 20 };
}

/** A condition that is not claimed must be refused by name, whether it would hold or not, and change nothing. */
async function refuses(context: CaseContext, condition: Condition, { bytes, body }: Bodies): Promise<void> {
  const key = context.key('taken');
  const { etag } = await context.storage.put(key, bytes('old'), { metadata: { v: 'old' }, url: false });
  const free = context.key('free');
  const tries: readonly (readonly [string, WriteConditions])[] =
    condition === 'createOnly'
      ? [
          [key, CREATE_ONLY],
          [free, CREATE_ONLY],
        ]
      : [
          [key, { ifMatch: etag }],
          [key, { ifMatch: ABSENT_ETAG }],
          [free, { ifMatch: etag }],
        ];
  for (const [target, conditions] of tries) {
    const work = context.storage.put(target, body('new'), { ...conditions, url: false });
    await context.fails(work, 'not-supported', { operation: 'put', key: target });
  }
  await context.holds(key, bytes('old'), { metadata: { v: 'old' }, etag });
  await context.absent(free);
}

/** How many of some writes went through; the others must have failed with the code. */
async function winners(context: CaseContext, writes: Promise<unknown>[], code: StorageErrorCode): Promise<number[]> {
  const settled = await Promise.allSettled(writes);
  for (const one of settled) if (one.status === 'rejected') await context.fails(Promise.reject(one.reason), code);
  return settled.flatMap((one, index) => (one.status === 'fulfilled' ? [index] : []));
}

async function stageBoth(context: CaseContext, key: string, bodies: Bodies, conditions: WriteConditions) {
  const first = await context.storage.stage(key, bodies.body('0'), conditions);
  const second = await context.storage.stage(key, bodies.body('1'), conditions);
  return [first, second];
}

async function oneWins(
  context: CaseContext,
  key: string,
  bodies: Bodies,
  writes: Promise<unknown>[],
  code: StorageErrorCode,
) {
  const won = await winners(context, writes, code);
  assert.equal(won.length, 1, `exactly one of ${writes.length} writes may win, but ${won.length} did`);
  await context.holds(key, bodies.bytes(String(won[0])));
}

type KindCase = (context: CaseContext, bodies: Bodies) => Promise<void>;

const CREATE_ONLY_CASES: Readonly<Record<string, KindCase>> = {
  'stores under a free key and keeps what is under a taken one': async (context, bodies) => {
    const key = context.key('created');
    const options = { ...CREATE_ONLY, contentType: 'text/plain', metadata: { v: 'first' } };
    const { etag } = await context.put(key, bodies.body('first'), options);
    await context.holds(key, bodies.bytes('first'), { etag });
    const again = context.put(key, bodies.body('second'), { ...options, metadata: { v: 'second' } });
    await context.fails(again, 'already-exists', { operation: 'put', key });
    await context.holds(key, bodies.bytes('first'), { etag, metadata: { v: 'first' }, contentType: 'text/plain' });
  },
  'of two staged writes commits exactly one': async (context, bodies) => {
    const key = context.key('staged');
    const staged = await stageBoth(context, key, bodies, CREATE_ONLY);
    const writes = staged.map((one) => one.commit());
    await oneWins(context, key, bodies, writes, 'already-exists');
  },
  'sees at commit what came after the staging': async (context, bodies) => {
    const key = context.key('late');
    const staged = await context.storage.stage(key, bodies.body('staged'), CREATE_ONLY);
    const { etag } = await context.storage.put(key, 'came between', { url: false });
    await context.fails(staged.commit(), 'already-exists', { operation: 'put', key });
    await context.holds(key, 'came between', { etag });
  },
  'lets exactly one of many parallel writes win': async (context, bodies) => {
    const key = context.key('parallel');
    const writes = Array.from({ length: bodies.atOnce }, (_, index) =>
      context.put(key, bodies.body(String(index)), CREATE_ONLY),
    );
    await oneWins(context, key, bodies, writes, 'already-exists');
  },
};

const IF_MATCH_CASES: Readonly<Record<string, KindCase>> = {
  'replaces the version it names and keeps every other': async (context, bodies) => {
    const key = context.key('matched');
    const { etag: first } = await context.storage.put(key, 'first', { metadata: { v: '1' }, url: false });
    const { etag: second } = await context.storage.put(key, bodies.body('second'), { ifMatch: first, url: false });
    await context.holds(key, bodies.bytes('second'), { etag: second, metadata: {} });
    for (const stale of [first, ABSENT_ETAG]) {
      const work = context.storage.put(key, bodies.body('third'), { ifMatch: stale, url: false });
      await context.fails(work, 'precondition-failed', { operation: 'put', key });
    }
    await context.holds(key, bodies.bytes('second'), { etag: second });
  },
  'is refused where there is nothing': async (context, bodies) => {
    const key = context.key('missing');
    const { etag } = await context.storage.put(context.key('other'), bodies.bytes('other'), { url: false });
    const work = context.storage.put(key, bodies.body('new'), { ifMatch: etag, url: false });
    await context.fails(work, 'precondition-failed', { operation: 'put', key });
    await context.absent(key);
  },
  'of two staged writes commits exactly one': async (context, bodies) => {
    const key = context.key('staged');
    const { etag } = await context.storage.put(key, 'old', { url: false });
    const staged = await stageBoth(context, key, bodies, { ifMatch: etag });
    const writes = staged.map((one) => one.commit());
    await oneWins(context, key, bodies, writes, 'precondition-failed');
  },
  'lets exactly one of many parallel writes win': async (context, bodies) => {
    const key = context.key('parallel');
    const { etag } = await context.storage.put(key, 'old', { url: false });
    const writes = Array.from({ length: Math.min(bodies.atOnce, 8) }, (_, index) =>
      context.storage.put(key, bodies.body(String(index)), { ifMatch: etag, url: false }),
    );
    await oneWins(context, key, bodies, writes, 'precondition-failed');
  },
};

const KIND_WORDS = { single: 'in one request', multipart: 'in parts' } as const;

function kindCases(condition: Condition, kind: 'single' | 'multipart'): CaseDefinition[] {
  const word = condition === 'createOnly' ? 'create-only' : 'ifMatch';
  const cases = condition === 'createOnly' ? CREATE_ONLY_CASES : IF_MATCH_CASES;
  return Object.entries(cases).map(([name, run], index) => ({
    group: 'conditions',
    name: `${word} ${KIND_WORDS[kind]} ${name}`,
    run: async (context) => {
      const bodies = bodiesOf(context, condition, kind);
      if (context.capabilities[condition].includes(kind)) return run(context, bodies);
      // Each case of an unclaimed condition would find the same refusal; the first says it in full.
      return index === 0 ? refuses(context, condition, bodies) : refusedShortly(context, condition, bodies);
    },
  }));
}

async function refusedShortly(context: CaseContext, condition: Condition, { body }: Bodies): Promise<void> {
  const key = context.key('refused');
  const conditions = condition === 'createOnly' ? CREATE_ONLY : { ifMatch: ABSENT_ETAG };
  const work = context.storage.put(key, body('new'), { ...conditions, url: false });
  await context.fails(work, 'not-supported', { operation: 'put', key });
}

export const conditionCases: readonly CaseDefinition[] = [
  ...kindCases('createOnly', 'single'),
  ...kindCases('createOnly', 'multipart'),
  ...kindCases('ifMatch', 'single'),
  ...kindCases('ifMatch', 'multipart'),
];
