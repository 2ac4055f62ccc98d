/** Sequences submitted in pieces that no watchdog ends, one ahead of the device, so that it need not wait for the next. */

import type { Device } from '../device/device.js';
import { correction, endOfSubmit, mostSubmits } from './pace.js';
import { encodeParts, type Part } from './sequence.js';

/** Runs of a sequence, and what is to be done once all before is submitted and before any of them is. */
export type Entry = readonly [runs: Part, load?: (() => void) | undefined];

interface Submit {
  readonly parts: readonly Part[];
  readonly last: boolean;
}

/** What goes into each submit. Looked at anew before each: what ran meanwhile tells how long the next may be. */
function* submitsOf(entries: readonly Entry[]): Generator<Submit, void, void> {
  let parts: Part[] = [];
  let before = { dispatches: 0, milliseconds: 0 };
  const cut = (last: boolean): Submit => {
    const submit = { parts, last };
    parts = [];
    before = { dispatches: 0, milliseconds: 0 };
    return submit;
  };
  for (const [index, [{ sequence, to: end }, load]] of entries.entries()) {
    if (load) {
      if (parts.length > 0) yield cut(false);
      load();
    }
    const { expected, length } = sequence;
    for (let from = 0; from < end; ) {
      // Nobody knows what it takes before it has run once.
      const most = sequence.measured ? end : from - (from % length) + length;
      const part = { sequence, from, to: endOfSubmit(expected, from, most, before) };
      if (part.to > from) parts.push(part);
      before.dispatches += part.to - from;
      before.milliseconds += sequence.expectedOf(part);
      from = part.to;
      if (from < end || !sequence.measured) yield cut(from === end && index === entries.length - 1);
    }
  }
  if (parts.length > 0) yield cut(true);
}

/**
 * Submits runs of sequences after each other, and waits until the device is done: in one submit, or in as
 * many as keep each within its time (pace.ts). Results are the same bits. Calls for one device take their turns.
 *
 * @throws RunError what the device has against it; nothing is submitted from then on.
 */
export async function submit(device: Device, entries: readonly Entry[]): Promise<void> {
  while (device.submitting) await device.submitting;
  let free = () => {};
  device.submitting = new Promise(resolve => {
    free = resolve;
  });
  const underWay: Promise<void>[] = [];
  try {
    for (const { parts, last } of submitsOf(entries)) {
      const most = parts.every(({ sequence }) => sequence.measured) ? mostSubmits : 1;
      const running = submitAtOnce(device, parts);
      running.catch(() => {}); // waited for below, unless one before it fails
      underWay.push(running);
      while (!last && underWay.length >= most) await underWay.shift();
    }
  } finally {
    device.submitting = undefined;
    free();
  }
  await Promise.all(underWay);
}

/** The same in one submit, however long it takes. */
export async function submitAtOnce(device: Device, parts: readonly Part[]): Promise<void> {
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
    parts.reduce((sum, part) => sum + part.sequence.expectedOf(part), 0),
    took,
  );
  const corrected = new Map(parts.map(part => [part.sequence, part]));
  for (const [sequence, part] of corrected) sequence.correct(part, factor);
}
