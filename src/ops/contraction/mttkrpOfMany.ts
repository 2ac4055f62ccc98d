/**
 * The matricised tensor times Khatri-Rao products of a contraction whose second axis is no coordinate but outputs of which
 * there are many, such as the hidden units of a decoder: those of the first two axes come from one table,
 *
 *   T[i_1, h, r] = sum over i_2 .. i_D of P[i_1, h, i_2 .. i_D] prod_{d > 1} F_d[i_d, r],
 *   M_1[i_1, r] = sum_h W[h, r] T[i_1, h, r], M_h[h, r] = sum_{i_1} F_1[i_1, r] T[i_1, h, r],
 *
 * so that there is one product fewer of as many multiply-adds as the contraction itself.
 */

import { type Part, quad, rowsOf, sizeOf, stackOf } from '../../buffer/layout.js';
import { applyOne } from '../../graph/apply.js';
import { type Operation, scratch, secondDerivatives, type Value } from '../../graph/operation.js';
import { dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import { productDispatches } from '../../schedule/product.js';
import * as kernels from '../../wgsl/contraction.js';
import { quadsOf } from '../linear/product.js';
import { type CpAttributes, modelsOf, rankOf } from './factorMatrices.js';
import { mttkrpProblem, requireTensors } from './mttkrp.js';

const operation: Operation<CpAttributes> = {
  name: 'mttkrpOfMany',
  shapes: ([tensor, factors], { axes }) => {
    requireTensors(tensor, factors, axes);
    return [stackOf(factors.parts.map(part => part.shape))];
  },
  lower: ({ device, attributes: { axes, scale }, inputs: [tensor, factors], outputs: [result] }) => {
    const models = modelsOf('mttkrp', factors.layout, axes);
    const table = scratch(stackOf(models.map(tableShape)));
    const resultOf = (m: number, axis: number) => result.layout.parts[m * axes + axis];
    const ofTable = productDispatches(device, kernels.mttkrp, {
      constants: { AXES: axes - 1, LAST: false },
      problems: models.map((model, m) => {
        const joined = table.layout.parts[m];
        const { shape, offset, stride } = tensor.layout.parts[m];
        // The two axes as one, whose factor matrix is not read.
        const flat = { shape: [rowsOf(joined.shape), ...shape.slice(2)], offset, stride };
        return mttkrpProblem([joined, ...model.slice(2)], flat, joined, 0, scale);
      }),
      buffers: { tensor: tensor.storage, factor: factors.storage, result: table.storage },
    });
    const sums = models.flatMap((model, m) => {
      const joined = table.layout.parts[m];
      return [
        sumsProblem(joined, model[1], resultOf(m, 0), false),
        sumsProblem(joined, model[0], resultOf(m, 1), true),
      ];
    });
    const ofSums = dispatch(kernels.weightedSums, {
      ...oneThreadEachOf(
        device,
        sums.map(({ rows, columns }) => rows * Math.ceil(columns / quad)),
      ),
      problems: sums,
      buffers: { table: table.storage, weight: factors.storage, result: result.storage },
      work: { operations: sums.reduce((sum, p) => sum + 2 * p.rows * p.columns * p.inner, 0) },
    });
    const others = [false, true].flatMap(last => {
      const problems = models.flatMap((model, m) =>
        model
          .map((_, axis) => mttkrpProblem(model, tensor.layout.parts[m], resultOf(m, axis), axis, scale))
          .filter(({ axis }) => axis > 1 && (axis === axes - 1) === last),
      );
      if (problems.length === 0) return [];
      const constants = { AXES: axes, LAST: last };
      const buffers = { tensor: tensor.storage, factor: factors.storage, result: result.storage };
      return productDispatches(device, kernels.mttkrp, { constants, problems, buffers });
    });
    return [...ofTable, ofSums, ...others];
  },
  notDifferentiable: secondDerivatives,
};

/** Of one model: (n_1 hidden, R). */
function tableShape(model: readonly Part[]): readonly number[] {
  return [rowsOf(model[0].shape) * rowsOf(model[1].shape), rankOf(model)];
}

/** The problem of kernels/contraction/weightedSums.wgsl. @param turned where the result has the index that changes fastest in the rows of the table. */
export function sumsProblem(table: Part, weights: Part, result: Part, turned: boolean) {
  const [rows, inner] = [rowsOf(result.shape), rowsOf(weights.shape)];
  const [t, x, c] = [table, weights, result].map(quadsOf);
  return {
    rows,
    columns: sizeOf(result.shape) / rows,
    inner,
    table: t.first,
    rowStride: turned ? t.stride : inner * t.stride,
    innerStride: turned ? rows * t.stride : t.stride,
    weight: x.first,
    weightStride: x.stride,
    result: c.first,
    resultStride: c.stride,
  };
}

/**
 * What `mttkrp` gives of the same tensor and factor matrices, which differ in nothing but the order in which sums are
 * rounded.
 *
 * @param tensor P, (n_1, hidden, n_2 .. n_D) for each model.
 * @param factors F_1, W, F_2 .. F_D, of one rank, model by model.
 * @param attributes `axes` counts W's.
 * @returns the shapes of `factors`.
 * @throws InputError as `mttkrp`.
 */
export function mttkrpOfMany(tensor: Value, factors: Value, attributes: CpAttributes): Value {
  return applyOne(operation, [tensor, factors], attributes);
}
