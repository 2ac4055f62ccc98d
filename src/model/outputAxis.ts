/**
 * Where the outputs of a model stand among the axes of its output on a grid. On the device they stand after the first,
 * (n_1, outputs, n_2 .. n_D): in front they would leave the contraction, whose rows are the first axis, with as few rows
 * as there are outputs; at the end every row would be padded to quads, and a mode product along another axis would be as
 * many thin ones as there are points. A host has the outputs first.
 */

import { type Shape, sizeOf } from '../buffer/layout.js';
import type { Numbers } from '../host/arrays.js';

export const outputAxis = 1;

/** The axes of the tensor on the device; those of the grid where there is one output. */
export function withOutputs(grid: Shape, outputs: number): Shape {
  return outputs === 1 ? grid : [...grid.slice(0, outputAxis), outputs, ...grid.slice(outputAxis)];
}

/** The axes of such a tensor that are coordinates. */
export function coordinateAxes(axes: number, outputs: number): readonly number[] {
  return Array.from({ length: axes }, (_, axis) => (outputs > 1 && axis >= outputAxis ? axis + 1 : axis));
}

/** From the host's order, (members, outputs, n_1 .. n_D), to the device's. */
export function toDeviceOrder(values: Numbers, grid: Shape, outputs: number): Numbers {
  return outputs === 1 ? values : reordered(Float32Array.from(values), grid, outputs, true);
}

/** And back. */
export function toHostOrder(values: Float32Array, grid: Shape, outputs: number): Float32Array {
  return outputs === 1 ? values : reordered(values, grid, outputs, false);
}

/** Stretches that lie together in both orders: what stands after the first axis, for each of its points and outputs. */
function reordered(values: Float32Array, [first, ...rest]: Shape, outputs: number, toDevice: boolean): Float32Array {
  const length = sizeOf(rest);
  const result = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += outputs * first * length) {
    for (let output = 0; output < outputs; output++) {
      for (let i = 0; i < first; i++) {
        const host = start + (output * first + i) * length;
        const device = start + (i * outputs + output) * length;
        const from = toDevice ? host : device;
        result.set(values.subarray(from, from + length), toDevice ? device : host);
      }
    }
  }
  return result;
}
