/** Mode products: a matrix applied along one axis of a tensor (Kolda and Bader 2009, section 2.5). */

import { columnsOf, formatShape, type Part, rowsOf, type Shape, sizeOf, stackOf } from '../../buffer/layout.js';
import type { Storage } from '../../buffer/memory.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { applyOne, requireSameHeight } from '../../graph/apply.js';
import { type Operand, type Operation, secondDerivatives, type Value } from '../../graph/operation.js';
import { requireOptions } from '../../host/checks.js';
import type { Dispatch } from '../../kernel/dispatch.js';
import { productDispatches } from '../../schedule/product.js';
import * as kernels from '../../wgsl/linear.js';
import { asValue } from '../elementwise/fill.js';
import { multiplyDeep, placesOf, productOfParts, quadsOf } from './product.js';

interface Attributes {
  readonly axis: number;
  readonly transpose: boolean;
}

/**
 * A tensor as matrices with the given axis along the rows, one an index of the axes before it, their columns as they are
 * stored; for the last axis, which lies along the rows of memory, the whole tensor as one matrix with that axis along its
 * columns.
 */
function modeSlices({ shape, offset, stride }: Part, axis: number): readonly Part[] {
  if (axis === shape.length - 1) return [{ shape: [rowsOf(shape), columnsOf(shape)], offset, stride }];
  const count = (from: number, to: number) => sizeOf(shape.slice(from, to));
  const [rows, columns] = [shape[axis], count(axis + 1, -1) * stride];
  return Array.from({ length: count(0, axis) }, (_, outer) => ({
    shape: [rows, columns],
    offset: offset + outer * rows * columns,
    stride: columns,
  }));
}

const modeOperation: Operation<Attributes> = {
  name: 'modeProduct',
  shapes: ([tensors, matrices], { axis, transpose }) => {
    requireSameHeight('modeProduct', tensors, matrices);
    const results = tensors.parts.map(({ shape }, i) => {
      const factor = matrices.parts[i].shape;
      requireAxis('modeProduct', shape, axis);
      const [to, from] = transpose ? [factor[1], factor[0]] : factor;
      if (factor.length !== 2 || from !== shape[axis]) {
        throw new InputError(
          `modeProduct: axis ${axis} of a tensor of shape ${formatShape(shape)} has ${shape[axis]} points: a matrix of shape ${formatShape(factor)} does not apply`,
        );
      }
      return shape.map((n, d) => (d === axis ? to : n));
    });
    return [stackOf(results)];
  },
  lower: ({ device, attributes: { axis, transpose }, inputs: [tensor, matrix], outputs: [result] }) =>
    modeDispatches(device, axis, tensor, matrix, result, { transpose }),
  vjp: ({ attributes: { axis, transpose }, inputs: [tensor, matrix], outputs: [result], cotangents: [cotangent] }) => {
    const g = asValue(cotangent, result);
    return [
      modeProduct(g, matrix, axis, { transpose: !transpose }),
      transpose ? unfoldedProduct(tensor, g, axis) : unfoldedProduct(g, tensor, axis),
    ];
  },
};

const unfoldedOperation: Operation<{ axis: number }> = {
  name: 'unfoldedProduct',
  shapes: ([a, b], { axis }) => {
    requireSameHeight('unfoldedProduct', a, b);
    const results = a.parts.map(({ shape: left }, i) => {
      const right = b.parts[i].shape;
      requireAxis('unfoldedProduct', left, axis);
      if (left.length !== right.length || left.some((n, d) => d !== axis && n !== right[d])) {
        throw new InputError(
          `unfoldedProduct: tensors of shape ${formatShape(left)} and ${formatShape(right)} differ in more than axis ${axis}`,
        );
      }
      return [left[axis], right[axis]];
    });
    return [stackOf(results)];
  },
  lower: ({ device, attributes: { axis }, inputs: [a, b], outputs: [result] }) =>
    unfoldedDispatches(
      device,
      axis,
      result.layout.parts.map((part, i) => ({ left: a.layout.parts[i], right: b.layout.parts[i], result: part })),
      { left: a.storage, right: b.storage, result: result.storage },
    ),
  notDifferentiable: secondDerivatives,
};

/**
 * result = alpha T x_axis S + beta result, or with `transpose` S^T, for stacks of tensors with one number of axes. Of a
 * matrix with more rows than are needed, the first are taken.
 */
export function modeDispatches(
  device: Device,
  axis: number,
  tensors: Operand,
  matrices: Operand,
  results: Operand,
  { transpose = false, alpha = 1, beta = 0 } = {},
): readonly Dispatch[] {
  const last = axis === tensors.layout.parts[0].shape.length - 1;
  const products = results.layout.parts.flatMap((result, i) => {
    const tensor = tensors.layout.parts[i];
    const matrix = matrices.layout.parts[i];
    const sources = modeSlices(tensor, axis);
    return modeSlices(result, axis).map((to, slice) => {
      const [left, right] = last ? [sources[slice], matrix] : [matrix, sources[slice]];
      return { ...productOfParts(left, right, to, { alpha, beta }), inner: tensor.shape[axis] };
    });
  });
  const [tensor, matrix, result] = [tensors.storage, matrices.storage, results.storage];
  return last
    ? multiplyDeep(device, products, { left: tensor, right: matrix, result }, { transposeRight: !transpose })
    : multiplyDeep(device, products, { left: matrix, right: tensor, result }, { transposeLeft: transpose });
}

/** Where the parts of one product of unfoldings lie. */
export interface UnfoldedParts {
  readonly left: Part;
  readonly right: Part;
  readonly result: Part;
}

/** alpha unfold_axis(A) unfold_axis(B)^T for a batch of pairs of tensors with one number of axes. */
export function unfoldedDispatches(
  device: Device,
  axis: number,
  batch: readonly UnfoldedParts[],
  buffers: Readonly<Record<keyof UnfoldedParts, Storage>>,
  alpha = 1,
): readonly Dispatch[] {
  if (axis < batch[0].left.shape.length - 1) {
    return productDispatches(device, kernels.unfoldedProduct, {
      problems: batch.map(parts => unfoldedProblem(parts, axis, alpha)),
      buffers,
    });
  }
  // The last axis lies along the rows of both: they are multiplied as they are stored.
  const products = batch.map(({ left, right, result }) =>
    productOfParts(left, right, result, { transposeLeft: true, alpha }),
  );
  return multiplyDeep(device, products, buffers, { transposeLeft: true });
}

/** The problem of kernels/linear/unfoldedProduct.wgsl. */
export function unfoldedProblem({ left, right, result }: UnfoldedParts, axis: number, alpha: number) {
  const { shape } = left;
  const count = (from: number, to: number) => sizeOf(shape.slice(from, to));
  const span = count(axis + 1, -1) * left.stride;
  return {
    rows: shape[axis],
    columns: right.shape[axis],
    inner: count(0, axis) * span,
    alpha,
    points: columnsOf(shape),
    width: left.stride,
    span,
    left: quadsOf(left).first,
    right: quadsOf(right).first,
    ...placesOf({ result }),
  };
}

function requireAxis(name: string, shape: Shape, axis: number): void {
  if (Number.isInteger(axis) && axis >= 0 && axis < shape.length) return;
  throw new InputError(
    `${name}: axis ${axis} of a tensor of shape ${formatShape(shape)}: axes are 0 to ${shape.length - 1}`,
  );
}

/**
 * T x_axis S: the result's [.., i, ..] = sum_j S[i, j] T[.., j, ..]; with `transpose`, S[j, i]. Of stacks, part by part.
 *
 * @param tensor T, (n_1 .. n_D), or a stack of such tensors of one D.
 * @param matrix S, (m, n_axis), or (n_axis, m) with `transpose`; one per tensor.
 * @param axis from 0.
 * @returns T's shape with m instead of n_axis.
 * @throws InputError an axis that the tensor does not have, or a matrix that does not fit it.
 */
export function modeProduct(
  tensor: Value,
  matrix: Value,
  axis: number,
  options: { readonly transpose?: boolean } = {},
): Value {
  requireOptions('modeProduct', options, { transpose: true });
  const { transpose = false } = options;
  return applyOne(modeOperation, [tensor, matrix], { axis, transpose });
}

/** unfold_axis(A) unfold_axis(B)^T of two tensors that differ in that axis alone: (n_axis of A, n_axis of B); of stacks, part by part. */
export function unfoldedProduct(a: Value, b: Value, axis: number): Value {
  return applyOne(unfoldedOperation, [a, b], { axis });
}
