/** The input of networks in homogeneous form: the coordinates of points, or Fourier features of them, and a 1. */

import {
  columnsOf,
  formatShape,
  type Layout,
  onlyPart,
  type Part,
  rowsOf,
  type Shape,
  stackOf,
} from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { applyOne } from '../../graph/apply.js';
import type { Operation, Value } from '../../graph/operation.js';
import { dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/network.js';

const operation: Operation<{ plain: boolean }> = {
  name: 'features',
  shapes: ([coordinates, frequencies], { plain }) => {
    const axes = axesOf(coordinates);
    const waves = plain ? undefined : wavesOf(frequencies, axes);
    return [stackOf(coordinates.parts.map(({ shape }) => [shape[0], (waves ? 2 * waves.count : axes) + 1]))];
  },
  lower: ({ device, attributes: { plain }, inputs: [coordinates, frequencies], outputs: [result] }) => {
    const axes = axesOf(coordinates.layout);
    const waves = plain ? { count: 0, stride: 0 } : wavesOf(frequencies.layout, axes);
    const problems = result.layout.parts.map((part, i) => {
      const source = coordinates.layout.parts[i];
      return {
        rows: rowsOf(part.shape),
        axes,
        frequencies: waves.count,
        frequencyStride: waves.stride,
        coordinate: source.offset,
        coordinateStride: pointStride(source),
        result: part.offset,
        resultStride: part.stride,
      };
    });
    return [
      dispatch(kernels.features, {
        ...oneThreadEachOf(
          device,
          problems.map(p => p.rows),
        ),
        problems,
        buffers: { coordinate: coordinates.storage, frequency: frequencies.storage, result: result.storage },
      }),
    ];
  },
  notDifferentiable: 'coordinates and frequencies are not trained',
};

/** Numbers from point to point: points of one coordinate lie in a row. */
function pointStride({ shape, stride }: Part): number {
  return shape.length === 1 ? 1 : stride;
}

/** D, the coordinates of a point: 1 for shape (n). */
function axesOf({ parts }: Layout): number {
  const axes = (shape: Shape) => (shape.length === 1 ? 1 : columnsOf(shape));
  for (const { shape } of parts) {
    if (shape.length > 2 || shape.length === 0 || axes(shape) !== axes(parts[0].shape)) {
      throw new InputError(`features: takes coordinates of shape (n), or (n, D) of one D, got ${formatShape(shape)}`);
    }
  }
  return axes(parts[0].shape);
}

/** m, and the numbers from one row of B to the next. */
function wavesOf(frequencies: Layout, axes: number): { count: number; stride: number } {
  const part = onlyPart('features', frequencies);
  const { shape } = part;
  if (shape.length === 1 && axes === 1) return { count: shape[0], stride: 1 };
  if (shape.length === 2 && shape[1] === axes) return { count: shape[0], stride: part.stride };
  throw new InputError(
    `features: points of ${axes} coordinates take frequencies of shape (m, ${axes}), got ${formatShape(shape)}`,
  );
}

/**
 * (x, 1) for every point x, or with frequencies B (cos 2 pi B x, sin 2 pi B x, 1) (Tancik et al. 2020, eq. 5).
 *
 * @param coordinates (n), or (n, D), for each network.
 * @param frequencies (m), or (m, D), shared by all networks.
 * @returns (n, D + 1), or (n, 2 m + 1), for each network.
 * @throws InputError points of different D, or frequencies of another.
 */
export function features(coordinates: Value, frequencies?: Value): Value {
  // Without frequencies the kernel reads none: the coordinates stand in for the binding.
  return applyOne(operation, [coordinates, frequencies ?? coordinates], { plain: !frequencies });
}
