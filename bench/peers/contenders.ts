/** A peer's work as contenders for a round: how one waits for the device decides how much of a processor that has. */

import type { Device } from '../../src/device/device.js';
import type { Contender } from '../contest.js';
import type { Repeatable } from './peer.js';

/**
 * As its own users wait, with the promise that WebGPU gives; and, where the engine has another way of waiting, once more
 * with that, which tells the library from the wait.
 */
export function contendersOf(name: string, work: Repeatable, device: Device): Contender[] {
  const waiting = (wait: () => Promise<unknown>) => async (times: number) => {
    await work.submit(times);
    await wait();
  };
  const own = { name, run: waiting(() => device.gpu.queue.onSubmittedWorkDone()) };
  return device.options.whilePending
    ? [own, { name: `${name}, our wait`, run: waiting(() => device.settle()) }]
    : [own];
}
