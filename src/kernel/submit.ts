/** Sequences submitted in pieces that no watchdog ends, one ahead of the device, so that it need not wait for the next. */

import type { Device } from '../device/device.js';
import { totalOf } from '../host/arrays.js';
import { correction, endOfSubmit, mostSubmits } from './pace.js';
import { encodeParts, type Part } from './sequence.js';

/** Runs of a sequence, and what is to be done once all before is submitted and before any of them is. */
export type Entry = readonly [runs: Part, load?: (() => void | Promise<void>) | undefined];

/**
 * Submits runs of sequences after each other, and waits until the device is done: in one submit, or in as many as keep each
 * within its time (pace.ts). Results are the same bits. Calls for one device take their turns.
 *
 * @throws RunError what the device has against it; nothing is submitted from then on.
 */
export async function submit(device: Device, entries: readonly Entry[]): Promise<void> {
  let free: (() => void) | undefined;
  const begin = async () => {
    while (device.submitting) await device.submitting;
    device.submitting = new Promise(resolve => {
      free = () => {
        device.submitting = free = undefined;
        resolve();
      };
    });
  };
  await begin();
  const underWay: Promise<unknown>[] = [];
  let parts: Part[] = [];
  let dispatches = 0;
  let milliseconds = 0;
  const cut = async (most: number) => {
    if (parts.length === 0) return;
    const running = submitAtOnce(device, parts);
    running.catch(() => {}); // waited for below, unless one before it fails
    underWay.push(running);
    parts = [];
    dispatches = milliseconds = 0;
    while (underWay.length >= most) await underWay.shift();
  };
  try {
    for (const [{ sequence, to: end }, load] of entries) {
      if (load) {
        await cut(mostSubmits);
        free?.(); // what a host loads it may have from this device
        await load();
        await begin();
      }
      const { expected, length } = sequence;
      for (let from = 0; from < end; ) {
        // Nobody knows what it takes before it has run once: that is waited for, whatever comes next.
        const { measured } = sequence;
        const to = endOfSubmit(
          expected,
          from,
          measured ? end : from - (from % length) + length,
          dispatches,
          milliseconds,
        );
        const part = { sequence, from, to };
        if (to > from) parts.push(part);
        dispatches += to - from;
        milliseconds += sequence.lasts(part);
        from = to;
        if (from < end || !measured) await cut(measured ? mostSubmits : 1);
      }
    }
    await cut(Number.POSITIVE_INFINITY);
  } finally {
    free?.();
  }
  await Promise.all(underWay);
}

/** The same in one submit, however long it takes. @returns how many milliseconds, those before it left out. */
export async function submitAtOnce(device: Device, parts: readonly Part[]): Promise<number> {
  const start = performance.now();
  const { error } = device.attempt('run', () => {
    const encoder = device.gpu.createCommandEncoder({ label: 'sepnn' });
    encodeParts(encoder, parts);
    device.gpu.queue.submit([encoder.finish()]);
  });
  const [failure] = await Promise.all([error, device.done()]);
  if (failure) throw failure;
  const now = performance.now();
  const took = now - Math.max(start, device.doneAt);
  device.doneAt = now;
  const factor = correction(
    totalOf(parts, part => part.sequence.lasts(part)),
    took,
  );
  for (const [sequence, part] of new Map(parts.map(part => [part.sequence, part]))) sequence.correct(part, factor);
  return took;
}
