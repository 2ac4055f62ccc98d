/** The CP contraction: factor matrices to the output tensor of a separable model. */

import { stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { applyOne } from '../../graph/apply.js';
import type { Operand, Operation, Value } from '../../graph/operation.js';
import type { Dispatch } from '../../kernel/dispatch.js';
import { productDispatch } from '../../schedule/product.js';
import * as kernels from '../../wgsl/contraction.js';
import { asValue } from '../elementwise/fill.js';
import { cpWithLoss } from './cpLoss.js';
import { type CpAttributes, cpProblem, gridOf, modelsOf } from './factorMatrices.js';
import { mttkrp } from './mttkrp.js';

const contraction: Operation<CpAttributes> = {
  name: 'contractCp',
  shapes: ([factors], { axes }) => [stackOf(modelsOf('contractCp', factors, axes).map(gridOf))],
  lower: ({ device, attributes, inputs: [factors], outputs: [result] }) => [
    cpDispatch(device, factors, result, attributes),
  ],
  vjp: ({ attributes, inputs: [factors], outputs: [output], cotangents: [cotangent] }) => [
    (attributes.gradient ?? mttkrp)(asValue(cotangent, output), factors, attributes),
  ],
  epilogue: cpWithLoss,
};

/** The contraction of stored factor matrices. */
export function cpDispatch(device: Device, factors: Operand, result: Operand, { axes, scale }: CpAttributes): Dispatch {
  return productDispatch(device, kernels.cp, {
    constants: { AXES: axes },
    problems: modelsOf('contractCp', factors.layout, axes).map((model, i) =>
      cpProblem(model, result.layout.parts[i], scale),
    ),
    buffers: { factor: factors.storage, result: result.storage },
  });
}

/**
 * Z[i_1 .. i_D] = scale sum_r F_1[i_1, r] .. F_D[i_D, r] for each model of a stack.
 *
 * @param factors (n_d, R) for d = 1..D, model by model.
 * @returns (n_1 .. n_D) for each model.
 * @throws InputError a number of axes outside 2..7, or factor matrices of different rank.
 */
export function contractCp(factors: Value, attributes: CpAttributes): Value {
  return applyOne(contraction, [factors], attributes);
}
