/** Counts training steps on the device and keeps their losses, so that nothing is read back between reports. */

import { columnsOf, formatLayout } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import { apply, type Value } from '../graph/graph.js';
import type { Operation } from '../graph/operation.js';
import { dispatch } from '../kernel/dispatch.js';

const operation: Operation<undefined> = {
  name: 'record',
  updates: [1, 2],
  shapes: ([loss, step, history]) => {
    if (loss.length > 4 || step.parts[0].shape[0] !== 1 || history.parts[0].shape.length !== 1) {
      throw new InputError(
        `record: takes a scalar, a counter (1) and a history (n), got ${[loss, step, history].map(formatLayout).join(', ')}`,
      );
    }
    return [step, history];
  },
  lower: ({ inputs: [loss], outputs: [step, history] }) => [
    dispatch('record', {
      settings: { capacity: columnsOf(history.layout.parts[0].shape) },
      buffers: { loss: loss.storage, step: step.storage, history: history.storage },
      workgroups: [1, 1, 1],
    }),
  ],
  notDifferentiable: 'it updates state',
};

/**
 * history[step mod n] = loss, then step + 1.
 *
 * @param loss a scalar.
 * @param step (1), u32: the steps counted so far.
 * @param history (n).
 */
export function record(loss: Value, step: Value, history: Value): { step: Value; history: Value } {
  const [counted, kept] = apply(operation, [loss, step, history], undefined);
  return { step: counted, history: kept };
}
