/** The budget of part buffers, and the sizes of parts that are made of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { PartAccount } from '../../lib/backends/s3/part-account.js';
import { NoRoomToHold, PartBuffers } from '../../lib/backends/s3/part-buffers.js';
import { PartPlan } from '../../lib/backends/s3/part-plan.js';
import { MAX_OBJECT_BYTES, resolveSettings } from '../../lib/backends/s3/s3.settings.js';
import type { StageOptions } from '../../lib/index.js';
import { MIB } from './s3-rig.js';

describe('the part budget', () => {
  /** Whether a promise is resolved by now. */
  async function settled(work: Promise<unknown>): Promise<boolean> {
    const late = Symbol('late');
    return (await Promise.race([work, Promise.resolve().then(() => late)])) !== late;
  }

  it('is reserved for a whole part at its first byte, and others wait without holding any', async () => {
    const buffers = new PartBuffers(10);
    const first = buffers.open();
    const second = buffers.open();
    await first.take(1, 6);
    expect(buffers.used).toBe(6);
    const waiting = second.take(1, 6);
    expect([buffers.used, buffers.waiting, await settled(waiting)]).toEqual([6, 1, false]);
    await first.take(5, 6);
    const arrived = first.send();
    expect([buffers.used, await settled(waiting)]).toEqual([6, false]);
    arrived();
    await waiting;
    expect([buffers.used, buffers.waiting]).toEqual([6, 0]);
    second.close();
    expect(buffers.used).toBe(0);
  });

  it('goes to those who wait in turn, and to larger parts only where nobody waits', async () => {
    const buffers = new PartBuffers(10);
    const first = buffers.open();
    await first.take(1, 4);
    expect([first.grow(7), first.grow(3), buffers.used]).toEqual([false, true, 7]);
    const large = buffers.open().take(1, 5);
    // It would fit, but is later.
    const small = buffers.open().take(1, 1);
    expect([first.grow(1), await settled(small)]).toEqual([false, false]);
    first.close();
    await Promise.all([large, small]);
    expect(buffers.used).toBe(6);
  });

  it('comes back for what a part did not need', async () => {
    const buffers = new PartBuffers(10);
    const account = buffers.open();
    await account.take(2, 8);
    const sent = account.send();
    expect(buffers.used).toBe(2);
    await account.take(1, 8);
    expect([account.keep(), buffers.used]).toEqual([true, 3]);
    sent();
    sent();
    expect(buffers.used).toBe(1);
    account.close();
    account.close();
    expect(buffers.used).toBe(0);
  });

  it('lets a waiting upload leave', async () => {
    const buffers = new PartBuffers(10);
    await buffers.open().take(10, 10);
    const controller = new AbortController();
    const waiting = buffers.open().take(5, 5, controller.signal);
    controller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    expect(buffers.waiting).toBe(0);
  });

  it('is overdrawn by one part at a time where held bodies leave no room for any', async () => {
    const buffers = new PartBuffers(10);
    const held = buffers.open();
    await held.take(4, 10);
    expect(held.keep()).toBe(true);
    const [first, second] = [buffers.open(), buffers.open()];
    await first.take(7, 7);
    const waiting = second.take(7, 7);
    expect([buffers.used, await settled(waiting)]).toEqual([11, false]);
    first.send()();
    await waiting;
    expect(buffers.used).toBe(11);
  });

  it('has half for bodies that are held until their commit', async () => {
    const buffers = new PartBuffers(10);
    const hold = async (bytes: number) => {
      const account = buffers.open();
      await account.take(bytes, bytes);
      return account;
    };
    const [first, second, third] = [await hold(3), await hold(3), await hold(2)];
    expect([first.keep(), second.keep(), third.keep()]).toEqual([true, false, true]);
  });

  describe('for bodies that cannot be sent before their commit', () => {
    const mustKeep = async (buffers: PartBuffers, bytes: number): Promise<PartAccount> => {
      const account = buffers.open(true);
      await account.take(bytes, bytes);
      return account;
    };

    it('is half of it, which they wait for in nobody’s way, and one body whatever its size', async () => {
      const buffers = new PartBuffers(10);
      const large = await mustKeep(buffers, 8);
      const waiting = mustKeep(buffers, 2);
      const sendable = buffers.open();
      await sendable.take(2, 2);
      expect([large.keep(), buffers.used, await settled(waiting)]).toEqual([true, 10, false]);
      sendable.send()();
      expect(await settled(waiting)).toBe(false);
      large.close();
      const small = await waiting;
      expect([small.keep(), (await mustKeep(buffers, 3)).keep()]).toEqual([true, true]);
      const another = mustKeep(buffers, 1);
      expect(await settled(another)).toBe(false);
      small.close();
      await another;
    });

    it('is waited for as long as others come in, and for some time where they only wait for their commit', async () => {
      const buffers = new PartBuffers(10);
      buffers.patience = 20;
      const first = await mustKeep(buffers, 5);
      const waiting = mustKeep(buffers, 5);
      waiting.catch(() => {});
      await sleep(100);
      expect(buffers.waiting).toBe(1);
      first.keep();
      await expect(waiting).rejects.toThrow(NoRoomToHold);
      expect([buffers.used, buffers.waiting]).toEqual([5, 0]);
    });
  });

  describe('beside clients that hardly send', () => {
    beforeEach(() => {
      jest.useFakeTimers();
    });
    afterEach(() => {
      jest.useRealTimers();
    });

    it('goes on to others, and the slow ones wait for more with what they have', async () => {
      const buffers = new PartBuffers(20 * MIB);
      const slow = Array.from({ length: 4 }, () => buffers.open());
      for (const account of slow) await account.take(MIB, 5 * MIB);
      const waiting = buffers.open();
      const entered = waiting.take(MIB, 5 * MIB);
      // What they have came within ten seconds.
      jest.advanceTimersByTime(10_000);
      expect(await settled(entered)).toBe(false);
      await slow[0]!.take(MIB, 5 * MIB);
      jest.advanceTimersByTime(10_000);
      await entered;
      expect(buffers.used).toBe(5 * MIB + 3 * MIB + 5 * MIB);
      const again = slow[1]!.take(MIB, 5 * MIB);
      await again;
      expect(buffers.used).toBe(17 * MIB);
      for (const account of [...slow, waiting]) account.close();
      expect(buffers.used).toBe(0);
    });

    it('leaves them where they are while nobody waits', async () => {
      const buffers = new PartBuffers(20 * MIB);
      await buffers.open().take(1, 5 * MIB);
      jest.advanceTimersByTime(60_000);
      expect(buffers.used).toBe(5 * MIB);
    });

    it('never goes to slow ones alone', async () => {
      const buffers = new PartBuffers(20 * MIB);
      const slow = Array.from({ length: 4 }, () => buffers.open());
      for (const account of slow) await account.take(4 * MIB, 5 * MIB);
      const entered = buffers.open().take(MIB, 5 * MIB);
      jest.advanceTimersByTime(60_000);
      // What they hold between them would keep everybody out.
      expect([buffers.used, await settled(entered)]).toEqual([19 * MIB, false]);
      slow[3]!.close();
    });
  });
});

describe('part sizes', () => {
  const BUDGET = 64 * MIB;
  const planned = (options: Partial<StageOptions>, dialect: 'aws' | 'cloudflare' = 'aws', held = BUDGET) =>
    new PartPlan(
      resolveSettings({ bucket: 'b', dialect, endpoint: 'https://s3.example.com' }),
      { contentType: 'a/b', metadata: {}, ...options },
      held,
    );

  /** Parts of the least size as long as `small` says so, for the longest body there may be. */
  function partsOf(plan: PartPlan, small: (part: number) => boolean): number[] {
    const sizes: number[] = [];
    for (let left = plan.most; left > 0;) {
      const { least, full } = plan.next();
      const bytes = small(sizes.length) ? least : full;
      plan.sent(bytes);
      sizes.push(bytes);
      left -= bytes;
    }
    return sizes;
  }

  it.each([
    ['of an unknown size', {}, 120_000 * MIB],
    ['of a given size', { size: 100_000 * MIB + 1 }, 100_000 * MIB + 1],
    ['of a largest size', { maxSize: 70_000 * MIB }, 70_000 * MIB],
    ['of a size above which parts have to be larger', { size: 200_000 * MIB }, 200_000 * MIB],
  ] as const)('of a body %s never run out, however many of them are small', (_, options, most) => {
    for (const small of [() => true, () => false, (part: number) => part % 3 > 0, (part: number) => part < 5000]) {
      const plan = planned(options);
      const sizes = partsOf(plan, small);
      expect(plan.most).toBe(most);
      expect(sizes.length).toBeLessThanOrEqual(10_000);
      expect(sizes.reduce((sum, bytes) => sum + bytes)).toBe(most);
      expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(5 * MIB);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * plan.partSize);
    }
  });

  it('are small at first, while others wait', () => {
    expect(planned({}).next()).toEqual({ least: 5 * MIB, full: 12 * MIB });
    expect(planned({ size: 3 * MIB }).next()).toEqual({ least: 3 * MIB, full: 3 * MIB });
    expect(planned({ maxSize: 7 * MIB }).next()).toEqual({ least: 5 * MIB, full: 7 * MIB });
    expect(planned({ maxSize: 99 * MIB }, 'aws', 6 * MIB).next()).toEqual({ least: 5 * MIB, full: 6 * MIB });
  });

  it('are equal where the store demands it, and then as large as the longest body needs', () => {
    expect(planned({}, 'cloudflare').next()).toEqual({ least: 12 * MIB, full: 12 * MIB });
    const plan = planned({ maxSize: 100 * MIB }, 'cloudflare');
    expect(plan.next()).toEqual({ least: 5 * MIB, full: 12 * MIB });
    plan.sent(5 * MIB);
    expect(plan.next()).toEqual({ least: 5 * MIB, full: 5 * MIB });
    expect(new Set(partsOf(planned({ size: 60_000 * MIB }, 'cloudflare'), () => true)).size).toBe(1);
  });

  it('of a given size may be above the budget', () => {
    const plan = planned({ size: MAX_OBJECT_BYTES });
    expect([plan.partSize, plan.most]).toEqual([525 * MIB, MAX_OBJECT_BYTES]);
  });
});
