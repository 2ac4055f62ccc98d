/** Losses that are a sum over points, with the cotangent at the model's output as a second output. */

import { columnsOf, layoutOf, quad, rowsOf, sizeOf } from '../../buffer/layout.js';
import { apply, requireSameLayout } from '../../graph/apply.js';
import { type Operation, scratch, type Value } from '../../graph/operation.js';
import { dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import type { SlotText } from '../../kernel/kernel.js';
import * as kernels from '../../wgsl/objective.js';
import { scaled } from '../elementwise/linearCombination.js';
import { sumDispatches } from '../elementwise/sum.js';
import { placesOf } from '../linear/product.js';

/** A fleet takes the same pass, and adds up its sums model by model. */
export const pointwiseLossOperation: Operation<{ loss: SlotText }> = {
  name: 'pointwiseLoss',
  takesPacked: [1],
  shapes: ([output, target]) => [layoutOf([]), requireSameLayout('pointwiseLoss', output, target)],
  lower: ({ device, attributes: slots, inputs: [output, target], outputs: [loss, cotangent] }) => {
    const problems = output.layout.parts.map((part, i) => {
      const { offset, stride } = target.layout.parts[i];
      return {
        rows: rowsOf(part.shape),
        columns: columnsOf(part.shape),
        ...placesOf({ input: part, result: cotangent.layout.parts[i] }),
        targets: offset,
        targetsStride: stride,
      };
    });
    const { constants, workgroups } = oneThreadEachOf(
      device,
      problems.map(p => p.rows * Math.ceil(p.columns / quad)),
    );
    const partial = scratch(layoutOf([sizeOf(workgroups) * constants.WORKGROUP]));
    const pass = dispatch(kernels.pointwiseLoss, {
      constants,
      slots,
      problems,
      buffers: {
        input: output.storage,
        targets: target.storage,
        result: cotangent.storage,
        loss: partial.storage,
      },
      workgroups,
    });
    return [pass, ...sumDispatches(device, partial, loss)];
  },
  vjp: ({ outputs: [, atOutput], cotangents: [cotangent] }) => {
    if (cotangent === undefined) return [];
    if (typeof cotangent !== 'number') throw new Error('pointwiseLoss: the cotangent is no number');
    return [scaled(atOutput, cotangent)];
  },
  fuse: ([, target], [output], { loss }) => {
    const producer = output?.node;
    if (!producer?.operation.epilogue) return undefined;
    return {
      ...producer.operation.epilogue(producer.attributes as never, loss),
      inputs: [...producer.inputs, target],
    };
  },
};

/**
 * L = sum over all points of l(z, y), and the cotangent G = dL/dZ. A NaN in the target marks a point that is left out:
 * it adds nothing to the loss, and its cotangent is 0.
 *
 * @param output Z, any shape or stack.
 * @param target Y, the same; packed memory is read in place.
 * @param loss WGSL that defines `fn lossAt(z: f32, y: f32) -> vec2f`: l and its derivative by z.
 * @returns the `loss`, a scalar; and the `cotangent` G, of the output's shape.
 * @throws InputError if the shapes differ.
 */
export function pointwiseLoss(output: Value, target: Value, loss: SlotText): { loss: Value; cotangent: Value } {
  const [total, cotangent] = apply(pointwiseLossOperation, [output, target], { loss });
  return { loss: total, cotangent };
}
