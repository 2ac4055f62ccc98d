/**
 * One gradient of a model of factor networks on a grid of two axes in float64: networks point by point, the tangent
 * kernel by its definition, S as a matrix, mode products explicitly. What lies between the factor matrices and the loss
 * comes from the caller, with its derivative by the factor matrices by central differences.
 */

import type { TwinActivation } from '../reference/network/activation.js';
import {
  layerShapes,
  type NetworkShape,
  network,
  networkGradient,
  tangentKernel,
} from '../reference/network/network.js';
import { precondition, preconditionerOf } from '../reference/precondition/precondition.js';

export interface TwinModel {
  /** Points of each axis. */
  readonly grid: readonly number[];
  /** Numbers that each network gives for a point. */
  readonly widths: readonly number[];
  readonly width: number;
  readonly omega: number;
  /** 'sine' by default. */
  readonly activation?: TwinActivation;
  /** All [W | b], network by network. */
  readonly parameters: ArrayLike<number>;
}

export interface TwinLoss {
  /** Z of the factor matrices, (n_d, width) each. */
  output(factors: readonly Float64Array[]): Float64Array;
  /** dL/dZ. */
  cotangent(output: Float64Array): Float64Array;
  /** What is put in its place before SepPGD; nothing by default. */
  before?(cotangent: Float64Array): Float64Array;
}

/** k of each axis. */
export function twinGradient(model: TwinModel, { output, cotangent, before = g => g }: TwinLoss, topK: number) {
  const { grid, widths } = model;
  const shapes = widths.map(
    (outputs): NetworkShape => ({
      inputs: 1,
      width: model.width,
      outputs,
      depth: 3,
      name: model.activation ?? 'sine',
      omegas: [model.omega, model.omega],
    }),
  );
  const counts = shapes.map(shape => layerShapes(shape).reduce((sum, [rows, columns]) => sum + rows * columns, 0));
  const all = Float64Array.from(model.parameters);
  const own = counts.map((count, axis) => {
    const start = counts.slice(0, axis).reduce((sum, one) => sum + one, 0);
    return all.slice(start, start + count);
  });
  const points = grid.map(n => Array.from({ length: n }, (_, i) => [Math.fround((2 * i) / (n - 1) - 1)]));
  const factors = points.map((axis, d) => Float64Array.from(axis.flatMap(x => [...network(own[d], x, shapes[d])])));
  const matrices = grid.map((n, d) => preconditionerOf(tangentKernel(own[d], points[d], shapes[d]), n, topK));
  const z = output(factors);
  const p = precondition(before(cotangent(z)), grid, matrices, 'sum');
  const gradient = points.map((axis, d) => {
    const m = derivative(factors, d, changed => output(changed).reduce((sum, value, i) => sum + value * p[i], 0));
    const total = new Float64Array(counts[d]);
    axis.forEach((x, i) => {
      const rows = m.slice(i * widths[d], (i + 1) * widths[d]);
      networkGradient(own[d], x, rows, shapes[d]).forEach((value, at) => {
        total[at] += value;
      });
    });
    return total;
  });
  return { output: z, gradient: Float64Array.from(gradient.flatMap(part => [...part])) };
}

/** d f / d factors[d], f being a polynomial in them of low degree, or smooth: central differences. */
function derivative(
  factors: readonly Float64Array[],
  d: number,
  f: (changed: readonly Float64Array[]) => number,
): Float64Array {
  const step = 1e-5;
  return factors[d].map((value, at) => {
    const atStep = (delta: number) => f(factors.map((one, axis) => (axis === d ? one.with(at, value + delta) : one)));
    return (atStep(step) - atStep(-step)) / (2 * step);
  });
}
