/** Bodies that break while nobody reads them yet: the copy tells it, and the process lives on. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OperationAbortedError, StorageUnavailableError, type OpenedObject } from '../../lib/contract/index.js';
import { copied, failure, watched } from './rig.js';

const large = Buffer.alloc(700_000, 'abcdefg');
/** Milliseconds: until a body breaks, and until its reader comes. */
const [SOON, LATER] = [10, 40];

// What ends a process that has no such listener.
const uncaught: unknown[] = [];
const note = (error: unknown) => void uncaught.push(error);
beforeEach(() => void process.on('uncaughtException', note));
afterEach(() => {
  process.off('uncaughtException', note);
  expect(uncaught.splice(0)).toEqual([]);
});

const cut = () => new StorageUnavailableError({ operation: 'get', reason: 'the connection was cut' });

/** A body that is cut before its first byte. */
function cutSoon(opened: OpenedObject): OpenedObject {
  opened.body.destroy();
  const body = new Readable({ read: () => undefined });
  setTimeout(() => body.destroy(cut()), SOON);
  return { ...opened, body };
}

describe('a body that nobody reads yet', () => {
  it('keeps its error for who comes later', async () => {
    const { backend, storage } = watched();
    await storage.put('a', 'x', { url: false });
    backend.onOpen = cutSoon;
    const { body } = await storage.open('a');
    await sleep(LATER);
    expect(await failure(buffer(body))).toMatchObject({ code: 'unavailable' });
    const aborted = await storage.open('a', { signal: AbortSignal.timeout(SOON / 2) });
    await sleep(LATER);
    expect(await failure(buffer(aborted.body))).toBeInstanceOf(OperationAbortedError);
  });
});

describe.each([
  ['small', Buffer.from('small')],
  ['large', large],
])('a copy of a %s object', (_name, bytes) => {
  async function setUp() {
    const [source, target] = [watched(), watched()];
    await source.storage.put('a', bytes, { url: false });
    return { source: source.backend, from: source.storage, target: target.backend, to: target.storage };
  }

  it('survives a source that is cut while the target takes its time', async () => {
    const { source, from, target, to } = await setUp();
    source.onOpen = cutSoon;
    target.beforeStage = () => sleep(LATER);
    const { summary, objects } = await copied({ from, to });
    expect(objects['a']).toMatchObject({ outcome: 'failed', error: { code: 'unavailable' } });
    expect(summary).toMatchObject({ ok: false, failed: { objects: 1 }, stopped: undefined });
    expect(source.openBodies).toBe(0);
  });

  it('survives an abort while the target takes its time', async () => {
    const { source, from, target, to } = await setUp();
    const controller = new AbortController();
    target.beforeStage = () => {
      setTimeout(() => controller.abort(), SOON);
      return sleep(LATER);
    };
    const { summary } = await copied({ from, to, signal: controller.signal });
    expect(summary.stopped).toBeInstanceOf(OperationAbortedError);
    expect(await to.exists('a')).toBe(false);
    expect(source.openBodies).toBe(0);
  });

  it.each(['the source', 'the target'])('survives a comparison in which %s is cut or aborted', async (side) => {
    const { source, from, target, to } = await setUp();
    await to.put('a', bytes, { url: false });
    const [cutSide, slowSide] = side === 'the source' ? [source, target] : [target, source];
    const controller = new AbortController();
    slowSide.beforeOpen = () => {
      setTimeout(() => controller.abort(), SOON);
      return sleep(LATER);
    };
    const { summary: aborted } = await copied({ from, to, signal: controller.signal });
    expect(aborted.stopped).toBeInstanceOf(OperationAbortedError);
    slowSide.beforeOpen = () => sleep(LATER);
    cutSide.onOpen = cutSoon;
    expect((await copied({ from, to })).objects['a']).toMatchObject({
      outcome: 'failed',
      error: { code: 'unavailable' },
    });
    await sleep(SOON);
    expect([source.openBodies, target.openBodies]).toEqual([0, 0]);
  });
});
