/** What a fleet keeps, brought up to date in some places alone. */

import { InputError } from '../../errors.js';
import { applyOne, requireSameLayout } from '../../graph/apply.js';
import { type Operation, updatesState, type Value } from '../../graph/operation.js';
import { dispatch, oneThreadEach } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/fleet.js';
import { numbersOfPlace } from './numbersOfPlace.js';

const operation: Operation<undefined> = {
  name: 'intoPlaces',
  updates: [0],
  shapes: ([kept, fresh, { parts }]) => {
    if (parts.length !== 1 || parts[0].shape.length !== 1)
      throw new InputError('intoPlaces: choose places by a vector');
    numbersOfPlace(kept, parts[0].shape[0]);
    return [requireSameLayout('intoPlaces', kept, fresh)];
  },
  lower: ({ device, inputs: [, fresh, chosen], outputs: [kept] }) => {
    const [places] = chosen.layout.parts[0].shape;
    const each = numbersOfPlace(kept.layout, places);
    const count = places * each;
    return [
      dispatch(kernels.intoPlaces, {
        ...oneThreadEach(device, count),
        settings: { count, each },
        buffers: { chosen: chosen.storage, renewed: fresh.storage, held: kept.storage },
      }),
    ];
  },
  notDifferentiable: updatesState,
};

/**
 * `kept` with `fresh` in the places that are chosen, written over it where nobody else needs it.
 *
 * @param kept a stack of as many tensors of the same shapes a place, or a vector of as many numbers.
 * @param fresh the same.
 * @param chosen (places), u32: not 0 where the place is.
 * @throws InputError a stack that is not as much in each place.
 */
export function intoPlaces(kept: Value, fresh: Value, chosen: Value): Value {
  return applyOne(operation, [kept, fresh, chosen], undefined);
}
