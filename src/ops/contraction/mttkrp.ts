/** The matricised tensor times Khatri-Rao product for every axis (Bader and Kolda 2007, section 5.2). */

import { type Layout, type Part, quad, sizeOf, stackOf } from '../../buffer/layout.js';
import { applyOne, requireSameLayout } from '../../graph/apply.js';
import { type Operation, secondDerivatives, type Value } from '../../graph/operation.js';
import { besideOthers, productDispatches } from '../../schedule/product.js';
import * as kernels from '../../wgsl/contraction.js';
import { placesOf } from '../linear/product.js';
import { axesOf, type CpAttributes, gridOf, modelsOf, rankOf } from './factorMatrices.js';

const operation: Operation<CpAttributes> = {
  name: 'mttkrp',
  shapes: ([tensor, factors], { axes }) => mttkrpShapes(tensor, factors, axes),
  lower: ({ device, attributes: { axes, scale }, inputs: [tensor, factors], outputs: [result] }) => {
    const models = modelsOf('mttkrp', factors.layout, axes);
    // The last axis lies along the rows of the tensor, every other across them: two texts of one kernel.
    return [false, true].flatMap(last => {
      const dispatches = productDispatches(device, kernels.mttkrp, {
        constants: { AXES: axes, LAST: last },
        problems: models.flatMap((model, m) =>
          model
            .map((_, axis) =>
              mttkrpProblem(model, tensor.layout.parts[m], result.layout.parts[m * axes + axis], axis, scale),
            )
            .filter(({ axis }) => (axis === axes - 1) === last),
        ),
        buffers: { tensor: tensor.storage, factor: factors.storage, result: result.storage },
      });
      return besideOthers(dispatches, result.storage);
    });
  },
  notDifferentiable: secondDerivatives,
};

/** The shapes of `factors`. @throws InputError tensors that are not those which factor matrices of so many axes make. */
export function mttkrpShapes(tensor: Layout, factors: Layout, axes: number): readonly Layout[] {
  requireSameLayout('mttkrp', stackOf(modelsOf('mttkrp', factors, axes).map(gridOf)), tensor);
  return [stackOf(factors.parts.map(part => part.shape))];
}

/** The problem of kernels/contraction/mttkrp.wgsl for one axis. */
export function mttkrpProblem(model: readonly Part[], tensor: Part, result: Part, axis: number, scale: number) {
  const grid = gridOf(model);
  const count = (from: number, to: number) => sizeOf(grid.slice(from, to));
  const last = axis === grid.length - 1;
  const span = last ? 1 : count(axis + 1, -1) * tensor.stride;
  return {
    rows: grid[axis],
    columns: rankOf(model),
    inner: count(0, axis) * span,
    scale,
    axis,
    width: tensor.stride,
    span,
    tensor: tensor.offset / quad,
    ...placesOf({ result }),
    axes: axesOf(model),
  };
}

/**
 * M_d = scale unfold_d(P) KhatriRao(F_d', d' != d) for every axis d of each model: the cotangents at the factor
 * matrices when P is the cotangent at the output of `contractCp`.
 *
 * @param tensor P, (n_1 .. n_D) for each model.
 * @param factors (n_d, R) for d = 1..D, model by model.
 * @returns the shapes of `factors`.
 * @throws InputError if the tensors' shapes are not those that the factor matrices make.
 */
export function mttkrp(tensor: Value, factors: Value, attributes: CpAttributes): Value {
  return applyOne(operation, [tensor, factors], attributes);
}
