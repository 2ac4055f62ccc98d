/** What one dispatch takes by itself: repeated in a submit until the submit's own cost no longer shows. */

import type { Memory } from '../buffer/memory.js';
import { within } from '../host/scope.js';
import type { Dispatch } from './dispatch.js';
import type { Pipelines } from './pipelines.js';
import { Sequence } from './sequence.js';
import { submitAtOnce } from './submit.js';

/** How a dispatch is timed: repeated in a submit, up to 4096 times, until that takes long enough. */
export interface MeasureOptions {
  /** Submits timed, of which the median counts; 5 by default. */
  readonly rounds?: number;
  /** How long a submit lasts at the least, 20 ms by default. */
  readonly milliseconds?: number;
}

const mostRepeats = 4096;

/** Milliseconds of one run of the dispatch, by the device's clock where it has one. Its buffers must have their places; what they hold is lost. */
export function measure(
  dispatch: Dispatch,
  memory: Memory,
  pipelines: Pipelines,
  { rounds = 5, milliseconds = 20 }: MeasureOptions = {},
): Promise<number> {
  return within(async scope => {
    const sequence = scope.keep(await Sequence.prepare([dispatch], memory, pipelines));
    const { device } = memory;
    const run = async (repeats: number) => {
      const part = { sequence, from: 0, to: repeats * sequence.length };
      return (
        (await device.options.clock?.(device, pass => sequence.encode(pass, part))) || submitAtOnce(device, [part])
      );
    };
    await run(1); // a driver may compile at the first run
    let repeats = 1;
    let took = await run(repeats);
    sequence.expected.fill(took / sequence.length); // by which stretches of the dispatch go together from now on
    while (took < milliseconds && repeats < mostRepeats) {
      repeats = Math.min(mostRepeats, Math.ceil((repeats * 1.3 * milliseconds) / Math.max(took, milliseconds / 10)));
      took = await run(repeats);
    }
    const times = [took];
    for (let round = 1; round < rounds; round++) times.push(await run(repeats));
    return times.sort((a, b) => a - b)[Math.floor(rounds / 2)] / repeats;
  });
}
