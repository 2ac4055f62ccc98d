/** Losses that are a sum over points, one for each model of a fleet, with the cotangent at the output. */

import { layoutOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { apply, requireSameLayout } from '../../graph/apply.js';
import type { Operand, Operation, Value } from '../../graph/operation.js';
import { type Dispatch, dispatch } from '../../kernel/dispatch.js';
import type { SlotText } from '../../kernel/kernel.js';
import * as kernels from '../../wgsl/elementwise.js';
import { scaled } from '../elementwise/linearCombination.js';
import { pointwisePass } from '../objective/pointwiseLoss.js';

interface Attributes {
  readonly loss: SlotText;
  /** Models, each of as many consecutive tensors of the output. */
  readonly places: number;
}

const operation: Operation<Attributes> = {
  name: 'lossOfPlaces',
  takesPacked: [1],
  shapes: ([output, target], { places }) => {
    if (!(places >= 1 && output.parts.length % places === 0)) {
      throw new InputError(`lossOfPlaces: ${output.parts.length} outputs in ${places} places: give each place as many`);
    }
    return [layoutOf([places]), requireSameLayout('lossOfPlaces', output, target)];
  },
  lower: site => {
    const [pass, partial] = pointwisePass(site);
    return [pass, sumOfEach(partial, site.outputs[0], site.attributes.places)];
  },
  vjp: ({ outputs: [, atOutput], cotangents: [cotangent] }) => {
    if (cotangent === undefined) return [];
    if (typeof cotangent !== 'number') throw new Error('lossOfPlaces: the cotangent of losses is a number');
    return [scaled(atOutput, cotangent)];
  },
};

/** Sums of as many consecutive numbers a place, by a workgroup each. */
function sumOfEach(partial: Operand, result: Operand, places: number): Dispatch {
  const { length } = partial.layout;
  return dispatch(kernels.sum, {
    settings: { rows: 1, columns: length, inputStride: length, stretch: length / places },
    buffers: { input: partial.storage, result: result.storage },
    workgroups: [places, 1, 1],
  });
}

/**
 * L = sum l(z, y) over all points of each model, and the cotangent G = dL/dZ of all: see `pointwiseLoss`.
 *
 * @param output Z of every model, as many tensors each, one model after the other.
 * @param target Y, the same; packed memory is read in place.
 * @returns losses, (places); and G, of the output's shape.
 * @throws InputError if the shapes differ, or the outputs are not as many in each place.
 */
export function lossOfPlaces(output: Value, target: Value, attributes: Attributes): { losses: Value; cotangent: Value } {
  const [losses, cotangent] = apply(operation, [output, target], attributes);
  return { losses, cotangent };
}
