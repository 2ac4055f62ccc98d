/**
 * The tangent of the CP contraction for a tangent of its factor matrices:
 *
 *   Z' = scale sum_d sum_r F_1[i_1, r] .. F'_d[i_d, r] .. F_D[i_D, r].
 *
 * The sum over d is a contraction of rank D R: each axis has D blocks of columns, F'_d the d-th and F_d the others. The
 * contraction being linear in each factor matrix, the VJP for a tangent is that of the contraction itself.
 */

import { type Layout, rowsOf, stackOf } from '../../buffer/layout.js';
import { applyOne, requireSameLayout } from '../../graph/apply.js';
import { copyRows } from '../../graph/copyRows.js';
import type { Value } from '../../graph/operation.js';
import { type Operand, type Operation, scratch, withParts } from '../../graph/operation.js';
import { asValue } from '../elementwise/fill.js';
import { cpDispatch } from './contractCp.js';
import { type CpAttributes, gridOf, modelsOf, rankOf } from './factorMatrices.js';
import { mttkrp } from './mttkrp.js';

const operation: Operation<CpAttributes> = {
  name: 'contractCpJvp',
  shapes: ([tangent, factors], { axes }) => {
    requireSameLayout('contractCpJvp', tangent, factors);
    return [stackOf(modelsOf('contractCpJvp', factors, axes).map(gridOf))];
  },
  lower: ({ device, attributes: { axes, scale }, inputs: [tangent, factors], outputs: [result] }) => {
    const blocks = scratch(
      stackOf(
        modelsOf('contractCpJvp', factors.layout, axes).flatMap(model =>
          model.map(({ shape }) => [rowsOf(shape), axes * rankOf(model)]),
        ),
      ),
    );
    const fill = (from: Operand, isTangent: boolean) => {
      const pairs = blockPairs(from.layout, blocks.layout, axes, isTangent);
      const [own, filled] = [pairs.map(({ part }) => part), pairs.map(({ block }) => block)];
      return copyRows(device, withParts(from, own), withParts(blocks, filled));
    };
    const product = cpDispatch(device, blocks, result, { axes, scale });
    return [...fill(factors, false), ...fill(tangent, true), product];
  },
  vjp: ({ attributes, inputs: [, factors], outputs: [output], cotangents: [cotangent] }) => [
    mttkrp(asValue(cotangent, output), factors, attributes),
  ],
};

/** Each matrix and the blocks of columns that it fills: on axis d the d-th is the tangent's, the others are not. */
function blockPairs(matrices: Layout, blocks: Layout, axes: number, isTangent: boolean) {
  return matrices.parts.flatMap((part, i) => {
    const { offset, stride } = blocks.parts[i];
    const { shape } = part;
    const filled = Array.from({ length: axes }, (_, block) => block).filter(
      block => (block === i % axes) === isTangent,
    );
    return filled.map(block => ({ part, block: { shape, offset: offset + block * shape[1], stride } }));
  });
}

/**
 * Z', the derivative of `contractCp` along `tangent`.
 *
 * @param tangent F'_d, of the shapes of `factors`.
 * @param factors (n_d, R) for d = 1..D, model by model.
 * @returns (n_1 .. n_D) for each model.
 * @throws InputError a tangent of other shapes than the factor matrices, or what `contractCp` refuses.
 */
export function contractCpJvp(tangent: Value, factors: Value, attributes: CpAttributes): Value {
  return applyOne(operation, [tangent, factors], attributes);
}
