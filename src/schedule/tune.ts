/** Finds the fastest variant of every dispatch that has some, by running it on memory that nobody uses. */

import type { Memory, Storage } from '../buffer/memory.js';
import { within } from '../host/scope.js';
import { type Dispatch, isStorage, type Variants } from '../kernel/dispatch.js';
import { measure } from '../kernel/measure.js';
import type { Pipelines } from '../kernel/pipelines.js';

/** What another schedule must save before it is taken: less may be chance. */
const leastGain = 0.05;
const options = { rounds: 5, milliseconds: 10 };

type Varied = Dispatch & { readonly variants: Variants };

/** Writes what it finds into the tuning of the memory's device. What is known there is left alone. */
export async function tune(dispatches: readonly Dispatch[], memory: Memory, pipelines: Pipelines): Promise<void> {
  const { device } = memory;
  const isKnown = ({ variants }: Dispatch) => !variants || device.tuning.has(variants.key);
  const unknown = dispatches.filter((one): one is Varied => !isKnown(one));
  for (const [done, dispatch] of unknown.entries()) {
    device.whileTuning?.(done, unknown.length);
    if (!isKnown(dispatch)) device.tuning.set(dispatch.variants.key, await fastestOf(dispatch, memory, pipelines));
  }
}

/** The variant's id, or none where what the table says is as fast. */
function fastestOf(dispatch: Varied, memory: Memory, pipelines: Pipelines): Promise<string> {
  return within(async scope => {
    // Several at a time: on a processor compiling takes far longer than measuring.
    const variants = dispatch.variants.list();
    await Promise.allSettled(variants.map(one => pipelines.get(one.dispatch)));
    const standIns = new Map<Storage, Storage>();
    const standInOf = (storage: Storage) => {
      const standIn = standIns.get(storage) ?? memory.createIn(scope, 'tuning', storage.bytes);
      standIns.set(storage, standIn);
      return standIn;
    };
    // On storages of its own, so that no state changes.
    const time = ({ resources, ...candidate }: Dispatch) =>
      measure(
        { ...candidate, resources: resources.map(one => (isStorage(one) ? standInOf(one) : one)) },
        memory,
        pipelines,
        options,
      );
    let [best, least] = ['', (1 - leastGain) * (await time(dispatch))];
    for (const { id, dispatch: candidate } of variants) {
      if (candidate.source === dispatch.source) continue;
      const took = await time(candidate);
      if (took < least) [best, least] = [id, took];
    }
    return best;
  });
}
