/**
 * The cotangent at a model's output, preconditioned axis by axis (Luo and Meng, SepPGD): with S_d = I - V_d^T C_d V_d,
 * V_d (k, n_d) the top eigenvectors as rows and C_d diagonal, P = sum_d G x_d S_d or P = G x_1 S_1 .. x_D S_D.
 *
 * S_d is applied in its factored form, G x_d S_d = G - V_d^T (C_d V_d G) along axis d: O(k n^D) instead of O(n^(D+1)).
 */

import { columnsOf, formatLayout, type Part, rowsOf, stackOf } from '../buffer/layout.js';
import type { Device } from '../device/device.js';
import { InputError } from '../errors.js';
import { applyOne, type Value } from '../graph/graph.js';
import { type Operand, type Operation, scratch } from '../graph/operation.js';
import { type Dispatch, productDispatch } from '../kernel/dispatch.js';
import { quadsOf } from './matmul.js';
import { modeSlices } from './modeProduct.js';

/** How the axes' preconditioners are combined: the paper's sum, or their product. */
export type Combination = 'sum' | 'product';

interface Attributes {
  readonly combination: Combination;
  /** k of each axis: so many leading rows of V are used. */
  readonly top: readonly number[];
}

const operation: Operation<Attributes> = {
  name: 'precondition',
  updates: [0],
  shapes: ([cotangent, vectors, scaled], { top }) => {
    const axes = top.length;
    if (formatLayout(vectors) !== formatLayout(scaled) || vectors.parts.length !== axes * cotangent.parts.length) {
      throw new InputError(
        `precondition: takes ${axes} sets of eigenvectors a tensor, plain and scaled, got ${formatLayout(vectors)} and ${formatLayout(scaled)}`,
      );
    }
    vectors.parts.forEach(({ shape }, i) => {
      const axis = i % axes;
      const points = cotangent.parts[Math.floor(i / axes)].shape[axis];
      if (shape.length !== 2 || shape[1] !== points || !(top[axis] >= 1 && top[axis] <= shape[0])) {
        throw new InputError(
          `precondition: axis ${axis} of ${points} points takes ${top[axis]} or more eigenvectors of ${points} numbers, got (${shape.join(', ')})`,
        );
      }
    });
    return [cotangent];
  },
  lower: site => (site.attributes.combination === 'sum' ? lowerSum(site) : lowerProduct(site)),
  notDifferentiable: 'it transforms a cotangent, and second derivatives are not offered',
};

type Lowering = Parameters<Operation<Attributes>['lower']>[0];

/** All projections C_d V_d G first, since the sum is then formed over G itself. */
function lowerSum({
  device,
  attributes: { top },
  inputs: [, vectors, scaled],
  outputs: [tensor],
}: Lowering): Dispatch[] {
  const projections = top.map((_, axis) => projectionOf(tensor, top, axis));
  const project = top.map((_, axis) => projectDispatch(device, tensor, vectors, projections[axis], top, axis));
  const subtract = top.map((_, axis) =>
    subtractDispatch(device, tensor, scaled, projections[axis], top, axis, axis === 0 ? top.length : 1),
  );
  return [...project, ...subtract];
}

function lowerProduct({
  device,
  attributes: { top },
  inputs: [, vectors, scaled],
  outputs: [tensor],
}: Lowering): Dispatch[] {
  return top.flatMap((_, axis) => {
    const projection = projectionOf(tensor, top, axis);
    return [
      projectDispatch(device, tensor, vectors, projection, top, axis),
      subtractDispatch(device, tensor, scaled, projection, top, axis, 1),
    ];
  });
}

/** Room for V_d G: G's shape with k in the place of n_d, for each tensor. */
function projectionOf(tensor: Operand, top: readonly number[], axis: number): Operand {
  return scratch(stackOf(tensor.layout.parts.map(({ shape }) => shape.map((n, i) => (i === axis ? top[axis] : n)))));
}

/** V_d G along axis d. */
function projectDispatch(
  device: Device,
  tensor: Operand,
  vectors: Operand,
  projection: Operand,
  top: readonly number[],
  axis: number,
): Dispatch {
  const last = axis === top.length - 1;
  const problems = pairs(tensor, projection, vectors, top.length, axis).flatMap(({ whole, part, basis }) => {
    const results = modeSlices(part, axis);
    const { first, stride } = quadsOf(basis);
    return modeSlices(whole, axis).map((from, i) => ({
      rows: last ? rowsOf(whole.shape) : top[axis],
      columns: last ? top[axis] : from.columns,
      inner: columnsOf(basis.shape),
      alpha: 1,
      beta: 0,
      left: last ? from.first : first,
      leftStride: last ? from.stride : stride,
      right: last ? first : from.first,
      rightStride: last ? stride : from.stride,
      result: results[i].first,
      resultStride: results[i].stride,
    }));
  });
  const [left, right] = last ? [tensor, vectors] : [vectors, tensor];
  return productDispatch(device, 'product', {
    constants: { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: last, BLEND: false },
    problems,
    buffers: { left: left.storage, right: right.storage, result: projection.storage },
  });
}

/** P = keep P - V_d^T C_d (the projection), along axis d. */
function subtractDispatch(
  device: Device,
  tensor: Operand,
  scaled: Operand,
  projection: Operand,
  top: readonly number[],
  axis: number,
  keep: number,
): Dispatch {
  const last = axis === top.length - 1;
  const problems = pairs(tensor, projection, scaled, top.length, axis).flatMap(({ whole, part, basis }) => {
    const projected = modeSlices(part, axis);
    const { first, stride } = quadsOf(basis);
    return modeSlices(whole, axis).map((to, i) => ({
      rows: last ? rowsOf(whole.shape) : columnsOf(basis.shape),
      columns: to.columns,
      inner: top[axis],
      alpha: -1,
      beta: keep,
      left: last ? projected[i].first : first,
      leftStride: last ? projected[i].stride : stride,
      right: last ? first : projected[i].first,
      rightStride: last ? stride : projected[i].stride,
      result: to.first,
      resultStride: to.stride,
    }));
  });
  const [left, right] = last ? [projection, scaled] : [scaled, projection];
  return productDispatch(device, 'product', {
    constants: { LEFT_TRANSPOSED: !last, RIGHT_TRANSPOSED: false, BLEND: true },
    problems,
    buffers: { left: left.storage, right: right.storage, result: tensor.storage },
  });
}

/** For each tensor: itself, its projection along an axis, and that axis's eigenvectors. */
function pairs(tensor: Operand, projection: Operand, basis: Operand, axes: number, axis: number) {
  return tensor.layout.parts.map((whole: Part, i) => ({
    whole,
    part: projection.layout.parts[i],
    basis: basis.layout.parts[i * axes + axis],
  }));
}

/**
 * The preconditioned cotangent, in the place of `cotangent` where nobody else needs that.
 *
 * @param cotangent G, (n_1 .. n_D), or a stack of such tensors of one D.
 * @param vectors V_d, (at least k_d, n_d), orthonormal rows, for d = 1..D, tensor by tensor.
 * @param scaled C_d V_d, the same shapes.
 * @param attributes k_d for each axis, and how the axes are combined.
 * @throws InputError eigenvectors that do not fit the tensor.
 */
export function precondition(cotangent: Value, vectors: Value, scaled: Value, attributes: Attributes): Value {
  return applyOne(operation, [cotangent, vectors, scaled], attributes);
}
