/** The input of factor networks in homogeneous form: coordinates, or Fourier features of them, and a 1. */

import { columnsOf, formatShape, type Layout, onlyPart, rowsOf, stackOf } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import { applyOne, type Value } from '../graph/graph.js';
import type { Operation } from '../graph/operation.js';
import { dispatch } from '../kernel/dispatch.js';

const workgroup = 64;

const operation: Operation<{ plain: boolean }> = {
  name: 'features',
  shapes: ([coordinates, frequencies], { plain }) => {
    const width = plain ? 1 : 2 * columnsOf(onlyPart('features', frequencies).shape);
    return [stackOf(coordinates.parts.map(({ shape }) => [pointsOf(shape), width + 1]))];
  },
  lower: ({ attributes: { plain }, inputs: [coordinates, frequencies], outputs: [result] }) => {
    const problems = result.layout.parts.map((part, i) => ({
      rows: rowsOf(part.shape),
      frequencies: plain ? 0 : columnsOf(frequencies.layout.parts[0].shape),
      coordinate: coordinates.layout.parts[i].offset,
      result: part.offset,
      resultStride: part.stride,
    }));
    const most = Math.max(...problems.map(p => p.rows));
    return [
      dispatch('features', {
        constants: { WORKGROUP: workgroup },
        problems,
        buffers: { coordinate: coordinates.storage, frequency: frequencies.storage, result: result.storage },
        workgroups: [Math.ceil(most / workgroup), 1, problems.length],
      }),
    ];
  },
  notDifferentiable: 'coordinates and frequencies are not trained',
};

function pointsOf(shape: Layout['parts'][number]['shape']): number {
  if (shape.length !== 1) throw new InputError(`features: takes coordinates of shape (n), got ${formatShape(shape)}`);
  return shape[0];
}

/**
 * (x, 1) for every coordinate x, or with frequencies B (cos 2 pi B x, sin 2 pi B x, 1) (Tancik et al. 2020, eq. 5).
 *
 * @param coordinates (n) for each network.
 * @param frequencies (m), shared by all networks.
 * @returns (n, 2), or (n, 2 m + 1), for each network.
 */
export function features(coordinates: Value, frequencies?: Value): Value {
  // Without frequencies the kernel reads none: the coordinates stand in for the binding.
  return applyOne(operation, [coordinates, frequencies ?? coordinates], { plain: !frequencies });
}
