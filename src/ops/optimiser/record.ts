/** What every training step does beside the gradient: it is counted, its loss kept, its learning rate picked. */

import { columnsOf, formatLayout } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { apply } from '../../graph/apply.js';
import { type Operation, updatesState, type Value } from '../../graph/operation.js';
import { dispatch, oneThreadEach } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/optimiser.js';

const operation: Operation<undefined> = {
  name: 'record',
  updates: [1, 2, 4],
  shapes: ([loss, step, history, schedule, learningRate]) => {
    const got = [loss, step, history, schedule, learningRate].map(formatLayout).join(', ');
    if (!/^\(1?\), \(1\), (\(\d+\)), \1, \(1\)$/.test(got)) {
      throw new InputError(
        `record: takes a scalar, a counter (1), a history (n), a schedule (n) and a rate (1), got ${got}`,
      );
    }
    return [step, history, learningRate];
  },
  lower: ({ device, inputs: [loss, , , schedule], outputs: [step, history, learningRate] }) => [
    dispatch(kernels.record, {
      ...oneThreadEach(device, 1),
      settings: { capacity: columnsOf(history.layout.parts[0].shape) },
      buffers: {
        loss: loss.storage,
        schedule: schedule.storage,
        step: step.storage,
        history: history.storage,
        learningRate: learningRate.storage,
      },
    }),
  ],
  notDifferentiable: updatesState,
};

/** What `record` brings up to date. */
export interface Recorded {
  /** (1), u32: the steps counted so far. */
  readonly step: Value;
  /** (n): the last n losses, that of step t at t mod n. */
  readonly history: Value;
  /** (1): of the step counted last. */
  readonly learningRate: Value;
}

/**
 * history[step mod n] = loss, learningRate = schedule[step mod n], then step + 1.
 *
 * @param loss a scalar.
 * @param schedule (n): the learning rates of the next n steps, that of step t at t mod n.
 */
export function record(loss: Value, { step, history, learningRate }: Recorded, schedule: Value): Recorded {
  const [counted, kept, rate] = apply(operation, [loss, step, history, schedule, learningRate], undefined);
  return { step: counted, history: kept, learningRate: rate };
}
