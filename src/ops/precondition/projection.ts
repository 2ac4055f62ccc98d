/** Tensors brought into a basis along their first axis, or out of it: mode products whose matrix takes no gradient. */

import { formatLayout, stackOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { applyOne } from '../../graph/apply.js';
import type { Operation, Value } from '../../graph/operation.js';
import { asValue } from '../elementwise/fill.js';
import { modeDispatches } from '../linear/modeProduct.js';

const operation: Operation<{ readonly transpose: boolean }> = {
  name: 'projection',
  shapes: ([tensors, bases], { transpose }) => [
    stackOf(
      tensors.parts.map(({ shape: [points, ...others] }, i) => {
        const [rows, columns] = bases.parts[i].shape;
        if (points === (transpose ? rows : columns)) return [transpose ? columns : rows, ...others];
        throw new InputError(`projection: ${formatLayout(bases)} for ${formatLayout(tensors)}: the inner axes differ`);
      }),
    ),
  ],
  lower: ({ device, attributes, inputs: [tensor, basis], outputs: [result] }) =>
    modeDispatches(device, 0, tensor, basis, result, attributes),
  vjp: ({ attributes: { transpose }, inputs: [, basis], outputs: [result], cotangents: [cotangent] }) => [
    projection(asValue(cotangent, result), basis, { transpose: !transpose }),
  ],
};

/**
 * V T along the first axis, (k, n_2 .. n_D); with `transpose`, V^T T, (n, n_2 .. n_D).
 *
 * @param tensor T, (n, n_2 .. n_D) or (k, n_2 .. n_D), or a stack of such.
 * @param basis V, (k, n), one per tensor.
 * @throws InputError a basis of another length than the first axis.
 */
export function projection(tensor: Value, basis: Value, { transpose = false } = {}): Value {
  return applyOne(operation, [tensor, basis], { transpose });
}
