/** Closed meshes as occupancies: which points of a regular grid lie inside. */

import { InputError } from '../errors.js';
import { fillShell, isInsideMark, type Part, type VoxelGrid } from './fill.js';
import type { Box, Mesh } from './mesh.js';
import { solidsOf } from './solids.js';

/** Points of the longest side, or of all three. */
export type GridSides = number | readonly number[];

/**
 * A grid whose cubes fill a box and `margin` more on every side, the box in the middle and its aspect kept.
 *
 * @throws InputError a side of no more points than the margins take.
 */
export function gridAround({ least, greatest }: Box, sides: GridSides, margin: number): VoxelGrid {
  const extents = greatest.map((value, axis) => value - least[axis]);
  const longest = Math.max(...extents);
  for (const side of typeof sides === 'number' ? [sides] : sides) {
    if (side <= 2 * margin) {
      throw new InputError(`--size ${side}: the margins take ${2 * margin} points of each side: use more, or --margin`);
    }
  }
  const spacing =
    typeof sides === 'number'
      ? longest / (sides - 2 * margin)
      : Math.max(...extents.map((extent, axis) => extent / (sides[axis] - 2 * margin)));
  if (!(spacing > 0)) throw new InputError('the mesh has no extent: all its vertices are one');
  // What is a whole number of cubes but for rounding takes no further one.
  const shape =
    typeof sides === 'number'
      ? extents.map(extent => Math.max(1, Math.ceil(extent / spacing - 1e-6)) + 2 * margin)
      : [...sides];
  const origin = shape.map((n, axis) => (least[axis] + greatest[axis]) / 2 - (spacing * (n - 1)) / 2);
  return { shape, origin, spacing };
}

/**
 * 1 where a point lies inside one of the solids of a mesh, however they overlap, and in none of that solid's cavities.
 * Points on a surface are inside: so what is symmetric stays so, and two solids that meet have no seam.
 *
 * @param mesh closed. @returns (n_1, n_2, n_3), row-major.
 */
export function voxelise(mesh: Mesh, grid: VoxelGrid): Uint8Array {
  const inside = new Uint8Array(grid.shape.reduce((product, n) => product * n, 1));
  for (const { shell, cavities } of solidsOf(mesh)) {
    const solid = fillShell(shell, grid);
    for (const cavity of cavities) {
      const hollow = fillShell(cavity, grid);
      forEachPoint(hollow, solid, (from, to) => {
        if (hollow.marks[from] === isInsideMark) solid.marks[to] = 0;
      });
    }
    forEachPoint(solid, { from: [0, 0, 0], shape: grid.shape }, (from, to) => {
      if (solid.marks[from] > 0) inside[to] = 1;
    });
  }
  return inside;
}

/** Calls back with the places of a part's points in its own array and in that of another part that holds it. */
function forEachPoint(part: Part, into: Part, call: (from: number, to: number) => void): void {
  const [rows, columns, layers] = part.shape;
  const [di, dj, dk] = part.from.map((first, axis) => first - into.from[axis]);
  for (let i = 0, from = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const to = ((i + di) * into.shape[1] + j + dj) * into.shape[2] + dk;
      for (let k = 0; k < layers; k++) call(from++, to + k);
    }
  }
}
