/** Mode products: a matrix applied along one axis of a tensor (Kolda and Bader 2009, section 2.5). */

import { columnsOf, formatShape, layoutOf, onlyPart, type Part, quad, rowsOf, type Shape } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import { applyOne, type Value } from '../graph/graph.js';
import type { Operation } from '../graph/operation.js';
import { productDispatch } from '../kernel/dispatch.js';
import { asValue } from './fill.js';
import { quadsOf } from './matmul.js';

interface Attributes {
  readonly axis: number;
  readonly transpose: boolean;
}

/** One of the matrices that a tensor is cut into along an axis: (points, stored numbers behind it). */
export interface ModeSlice {
  readonly first: number;
  readonly stride: number;
  readonly columns: number;
}

/**
 * A tensor as matrices with the given axis along the rows, one an index of the axes before it; for the last axis, which
 * lies along the rows of memory, the whole tensor as one matrix with that axis along its columns.
 */
export function modeSlices(tensor: Part, axis: number): readonly ModeSlice[] {
  const { shape } = tensor;
  const { first, stride } = quadsOf(tensor);
  if (axis === shape.length - 1) return [{ first, stride, columns: columnsOf(shape) }];
  const count = (from: number, to: number) => shape.slice(from, to).reduce((product, n) => product * n, 1);
  const columns = count(axis + 1, -1) * tensor.stride;
  return Array.from({ length: count(0, axis) }, (_, outer) => ({
    first: first + (outer * shape[axis] * columns) / quad,
    stride: columns / quad,
    columns,
  }));
}

const modeOperation: Operation<Attributes> = {
  name: 'modeProduct',
  shapes: ([tensor, matrix], { axis, transpose }) => {
    const { shape } = onlyPart('modeProduct', tensor);
    const factor = onlyPart('modeProduct', matrix).shape;
    requireAxis('modeProduct', shape, axis);
    const [to, from] = transpose ? [factor[1], factor[0]] : factor;
    if (factor.length !== 2 || from !== shape[axis]) {
      throw new InputError(
        `modeProduct: axis ${axis} of a tensor of shape ${formatShape(shape)} has ${shape[axis]} points: a matrix of shape ${formatShape(factor)} does not apply`,
      );
    }
    return [layoutOf(shape.map((n, i) => (i === axis ? to : n)))];
  },
  lower: ({ device, attributes: { axis, transpose }, inputs: [tensor, matrix], outputs: [result] }) => {
    const [source, target] = [tensor.layout.parts[0], result.layout.parts[0]];
    const factor = quadsOf(matrix.layout.parts[0]);
    const last = axis === source.shape.length - 1;
    const common = { inner: source.shape[axis], alpha: 1, beta: 0 };
    const sources = modeSlices(source, axis);
    const problems = modeSlices(target, axis).map((to, i) => {
      const from = sources[i];
      const numbers = { result: to.first, resultStride: to.stride, columns: to.columns };
      return last
        ? {
            ...common,
            ...numbers,
            rows: rowsOf(target.shape),
            ...operands(from, { first: factor.first, stride: factor.stride }),
          }
        : {
            ...common,
            ...numbers,
            rows: target.shape[axis],
            ...operands({ first: factor.first, stride: factor.stride }, from),
          };
    });
    return [
      productDispatch(device, 'product', {
        constants: last
          ? { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: !transpose, BLEND: false }
          : { LEFT_TRANSPOSED: transpose, RIGHT_TRANSPOSED: false, BLEND: false },
        problems,
        buffers: last
          ? { left: tensor.storage, right: matrix.storage, result: result.storage }
          : { left: matrix.storage, right: tensor.storage, result: result.storage },
      }),
    ];
  },
  vjp: ({ attributes: { axis, transpose }, inputs: [tensor, matrix], outputs: [result], cotangents: [cotangent] }) => {
    if (cotangent === undefined) return [];
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
    const [left, right] = [onlyPart('unfoldedProduct', a).shape, onlyPart('unfoldedProduct', b).shape];
    requireAxis('unfoldedProduct', left, axis);
    if (left.length !== right.length || left.some((n, i) => i !== axis && n !== right[i])) {
      throw new InputError(
        `unfoldedProduct: tensors of shape ${formatShape(left)} and ${formatShape(right)} differ in more than axis ${axis}`,
      );
    }
    return [layoutOf([left[axis], right[axis]])];
  },
  lower: ({ device, attributes: { axis }, inputs: [a, b], outputs: [result] }) => {
    const [left, right, target] = [a.layout.parts[0], b.layout.parts[0], result.layout.parts[0]];
    const last = axis === left.shape.length - 1;
    const { first, stride } = quadsOf(target);
    const rights = fibreBundles(right, axis);
    // One product after the other, since all add to one matrix.
    return fibreBundles(left, axis).map((bundle, i) =>
      productDispatch(device, 'product', {
        constants: { LEFT_TRANSPOSED: last, RIGHT_TRANSPOSED: !last, BLEND: i > 0 },
        problems: [
          {
            rows: left.shape[axis],
            columns: right.shape[axis],
            inner: last ? rowsOf(left.shape) : columnsOf(left.shape),
            alpha: 1,
            beta: 1,
            ...operands(bundle, rights[i]),
            result: first,
            resultStride: stride,
          },
        ],
        buffers: { left: a.storage, right: b.storage, result: result.storage },
      }),
    );
  },
  notDifferentiable: 'it is itself the VJP of the mode product, and second derivatives are not offered',
};

/** Mode slices cut once more, so that no padding lies inside: (points of the axis, points of the last axis) each. */
function fibreBundles(tensor: Part, axis: number): { first: number; stride: number }[] {
  const row = tensor.stride / quad;
  return modeSlices(tensor, axis).flatMap(({ first, stride, columns }) => {
    const rows = axis === tensor.shape.length - 1 ? 1 : columns / tensor.stride;
    return Array.from({ length: rows }, (_, i) => ({ first: first + i * row, stride }));
  });
}

function operands(left: { first: number; stride: number }, right: { first: number; stride: number }) {
  return { left: left.first, leftStride: left.stride, right: right.first, rightStride: right.stride };
}

function requireAxis(name: string, shape: Shape, axis: number): void {
  if (Number.isInteger(axis) && axis >= 0 && axis < shape.length) return;
  throw new InputError(
    `${name}: axis ${axis} of a tensor of shape ${formatShape(shape)}: axes are 0 to ${shape.length - 1}`,
  );
}

/**
 * T x_axis S: the result's [.., i, ..] = sum_j S[i, j] T[.., j, ..]; with `transpose`, S[j, i].
 *
 * @param tensor T, (n_1 .. n_D).
 * @param matrix S, (m, n_axis), or (n_axis, m) with `transpose`.
 * @param axis from 0.
 * @returns T's shape with m in the place of n_axis.
 * @throws InputError an axis that the tensor does not have, or a matrix that does not fit it.
 */
export function modeProduct(tensor: Value, matrix: Value, axis: number, { transpose = false } = {}): Value {
  return applyOne(modeOperation, [tensor, matrix], { axis, transpose });
}

/** unfold_axis(A) unfold_axis(B)^T of two tensors that differ in that axis alone: (n_axis of A, n_axis of B). */
export function unfoldedProduct(a: Value, b: Value, axis: number): Value {
  return applyOne(unfoldedOperation, [a, b], { axis });
}
