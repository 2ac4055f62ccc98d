/** The matricised tensor times Khatri-Rao product for every axis (Bader and Kolda 2007, section 5.2). */

import { formatLayout, formatShape, type Part, quad, sameShape, sizeOf, stackOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { applyOne } from '../../graph/apply.js';
import type { Operation, Value } from '../../graph/operation.js';
import { productDispatch } from '../../schedule/product.js';
import * as kernels from '../../wgsl/contraction.js';
import { quadsOf } from '../linear/product.js';
import { axesOf, type CpAttributes, gridOf, modelsOf, rankOf } from './factorMatrices.js';

const operation: Operation<CpAttributes> = {
  name: 'mttkrp',
  shapes: ([tensor, factors], { axes }) => {
    const models = modelsOf('mttkrp', factors, axes);
    if (tensor.parts.length !== models.length) {
      throw new InputError(`mttkrp: takes one tensor per model, ${models.length}, got ${formatLayout(tensor)}`);
    }
    models.forEach((model, i) => {
      const { shape } = tensor.parts[i];
      if (!sameShape(shape, gridOf(model))) {
        throw new InputError(
          `mttkrp: takes a tensor of shape ${formatShape(gridOf(model))}, got ${formatShape(shape)}`,
        );
      }
    });
    return [stackOf(factors.parts.map(part => part.shape))];
  },
  lower: ({ device, attributes: { axes, scale }, inputs: [tensor, factors], outputs: [result] }) => {
    const models = modelsOf('mttkrp', factors.layout, axes);
    // The last axis lies along the rows of the tensor, every other across them: two texts of one kernel.
    return [false, true].map(last =>
      productDispatch(device, kernels.mttkrp, {
        constants: { AXES: axes, LAST: last },
        problems: models.flatMap((model, m) =>
          model
            .map((_, axis) => problem(model, tensor.layout.parts[m], result.layout.parts[m * axes + axis], axis, scale))
            .filter(({ axis }) => (axis === axes - 1) === last),
        ),
        buffers: { tensor: tensor.storage, factor: factors.storage, result: result.storage },
      }),
    );
  },
  notDifferentiable: 'it is itself the VJP of the CP contraction, and second derivatives are not offered',
};

/** The problem of kernels/contraction/mttkrp.wgsl for one axis. */
function problem(model: readonly Part[], tensor: Part, result: Part, axis: number, scale: number) {
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
    result: quadsOf(result).first,
    resultStride: quadsOf(result).stride,
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
