/** What every step of a fleet does beside the gradients: each model is counted, its loss kept, its learning rate picked. */

import { formatLayout } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { apply } from '../../graph/apply.js';
import { type Operation, updatesState, type Value } from '../../graph/operation.js';
import { dispatch, usualWorkgroup } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/fleet.js';

const operation: Operation<undefined> = {
  name: 'recordPlaces',
  updates: [2, 3, 4],
  shapes: ([losses, schedule, last, history, roster]) => {
    const got = [losses, schedule, last, history, roster].map(formatLayout).join(', ');
    if (!/^\((\d+)\), (\(\1, \d+\)), \(\1\), \2, \(\1, 4\)$/.test(got)) {
      throw new InputError(
        `recordPlaces: takes losses (places), a schedule (places, n), last steps (places), a history (places, n) and a roster (places, 4), got ${got}`,
      );
    }
    return [last, history, roster];
  },
  lower: ({ device, inputs: [losses, schedule], outputs: [last, history, roster] }) => {
    const [{ shape, stride }] = history.layout.parts;
    const [places] = shape;
    const size = usualWorkgroup(device);
    return [
      dispatch(kernels.recordPlaces, {
        constants: { WORKGROUP: size },
        settings: { places, capacity: stride },
        buffers: {
          loss: losses.storage,
          schedule: schedule.storage,
          limit: last.storage,
          history: history.storage,
          roster: roster.storage,
        },
        workgroups: [Math.ceil(places / size), 1, 1],
      }),
    ];
  },
  notDifferentiable: updatesState,
};

/** What `recordPlaces` brings up to date. */
export interface RecordOfPlaces {
  /** (places), u32: steps that each model makes in all. */
  readonly last: Value;
  /** (places, n), n whole quads: the last n losses of each, that of its step t at t mod n. */
  readonly history: Value;
  /** (places, 4): counts, moves, learning rates and decays, as kernels/shared/optimiser/places.wgsl has them. */
  readonly roster: Value;
}

/**
 * For every model that has steps left: history[count mod n] = loss, its learning rate = schedule[count mod n], then
 * count + 1. One whose loss is not finite keeps that loss, is to return to the parameters from before, and ends.
 *
 * @param losses (places).
 * @param schedule (places, n): the learning rates of each model's next n steps, that of its step t at t mod n.
 */
export function recordPlaces(
  losses: Value,
  schedule: Value,
  { last, history, roster }: RecordOfPlaces,
): RecordOfPlaces {
  const updated = apply(operation, [losses, schedule, last, history, roster], undefined);
  return { last: updated[0], history: updated[1], roster: updated[2] };
}
