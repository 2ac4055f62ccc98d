/** The CP contraction: factor matrices to the output tensor of a separable model. */

import { stackOf } from '../buffer/layout.js';
import { applyOne, type Value } from '../graph/graph.js';
import type { Operation } from '../graph/operation.js';
import { productDispatch } from '../kernel/dispatch.js';
import { type CpAttributes, cpProblem, gridOf, modelsOf } from './cpProblem.js';
import { asValue } from './fill.js';
import { mttkrp } from './mttkrp.js';

export const cpContraction: Operation<CpAttributes> = {
  name: 'contractCp',
  shapes: ([factors], { axes }) => [stackOf(modelsOf('contractCp', factors, axes).map(gridOf))],
  lower: ({ device, attributes: { axes, scale }, inputs: [factors], outputs: [result] }) => [
    productDispatch(device, 'cp', {
      constants: { AXES: axes },
      problems: modelsOf('contractCp', factors.layout, axes).map((model, i) =>
        cpProblem(model, result.layout.parts[i], scale),
      ),
      buffers: { factor: factors.storage, result: result.storage },
    }),
  ],
  vjp: ({ attributes, inputs: [factors], outputs: [output], cotangents: [cotangent] }) =>
    cotangent === undefined ? [] : [mttkrp(asValue(cotangent, output), factors, attributes)],
};

/**
 * Z[i_1 .. i_D] = scale sum_r F_1[i_1, r] .. F_D[i_D, r] for each model of a stack.
 *
 * @param factors (n_d, R) for d = 1..D, model by model.
 * @returns (n_1 .. n_D) for each model.
 * @throws InputError a number of axes outside 2..7, or factor matrices of different rank.
 */
export function contractCp(factors: Value, attributes: CpAttributes): Value {
  return applyOne(cpContraction, [factors], attributes);
}
