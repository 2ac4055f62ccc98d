/** Closed meshes as occupancies: which points of a regular grid lie inside. */

import { InputError } from '../errors.js';
import type { Box, Mesh } from './mesh.js';
import { type Solid, solidsOf } from './shells.js';

/** Points `origin + spacing * (i, j, k)`, 0 <= i < shape[0] and so on: the middles of cubes that fill a box. */
export interface VoxelGrid {
  readonly shape: readonly number[];
  readonly origin: readonly number[];
  readonly spacing: number;
}

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
 *
 * @param mesh closed. @returns (n_1, n_2, n_3), row-major.
 */
export function voxelise(mesh: Mesh, grid: VoxelGrid): Uint8Array {
  const solids = solidsOf(mesh);
  const [first, ...others] = solids;
  const inside = first ? occupancyOf(first, grid) : new Uint8Array(grid.shape.reduce((product, n) => product * n, 1));
  for (const solid of others) {
    const one = occupancyOf(solid, grid);
    for (let at = 0; at < inside.length; at++) inside[at] |= one[at];
  }
  return inside;
}

function occupancyOf({ shell, cavities }: Solid, grid: VoxelGrid): Uint8Array {
  const inside = filled(shell, grid);
  for (const cavity of cavities) {
    const hollow = filled(cavity, grid);
    for (let at = 0; at < inside.length; at++) inside[at] &= 1 - hollow[at];
  }
  return inside;
}

/**
 * 1 where a point lies inside a shell, by the parity of how often a ray along the last axis has crossed it before.
 *
 * Every comparison is half open (a crossing belongs to the first point at or after it), and where an edge crosses a row
 * is computed once for both its triangles, from the same end. So a line of points meets a closed mesh an even number of
 * times whatever is rounded, and points exactly on edges or vertices are nowhere counted twice.
 */
function filled({ positions, triangles }: Mesh, { shape, origin, spacing }: VoxelGrid): Uint8Array {
  const [rows, columns, layers] = shape;
  const inside = new Uint8Array(rows * columns * layers);
  const corner = (vertex: number) =>
    [0, 1, 2].map(axis => (positions[3 * vertex + axis] - origin[axis]) / spacing) as unknown as Point;
  for (let at = 0; at < triangles.length; at += 3) {
    const corners = [corner(triangles[at]), corner(triangles[at + 1]), corner(triangles[at + 2])];
    const lowest = Math.min(...corners.map(([x]) => x));
    const highest = Math.max(...corners.map(([x]) => x));
    const heightAt = planeThrough(corners);
    for (let i = firstFrom(lowest); i < Math.min(rows, Math.ceil(highest)); i++) {
      const [from, to] = crossingsOf(corners, i);
      for (let j = firstFrom(from); j < Math.min(columns, Math.ceil(to)); j++) {
        const k = firstFrom(heightAt(i, j));
        if (k < layers) inside[(i * columns + j) * layers + k] ^= 1;
      }
    }
  }
  // What was noted is where a ray crosses; the parity so far says what is inside.
  for (let at = 0; at < inside.length; at++) if (at % layers > 0) inside[at] ^= inside[at - 1];
  return inside;
}

type Point = readonly [number, number, number];

function firstFrom(value: number): number {
  return Math.max(0, Math.ceil(value));
}

/** Between which y the triangle's shadow lies on the line x = row: where two of its three edges cross it. */
function crossingsOf([a, b, c]: readonly Point[], row: number): readonly [number, number] {
  const found: number[] = [];
  for (const [p, q] of [
    [a, b],
    [b, c],
    [c, a],
  ]) {
    const [low, high] = p[0] < q[0] ? [p, q] : [q, p]; // the same order for both triangles of an edge
    if (low[0] <= row && row < high[0]) {
      found.push(low[1] + ((row - low[0]) / (high[0] - low[0])) * (high[1] - low[1]));
    }
  }
  return found[0] < found[1] ? [found[0], found[1]] : [found[1], found[0]];
}

/** z of a triangle's plane over (x, y), kept between its corners' where the triangle stands nearly upright. */
function planeThrough([a, b, c]: readonly Point[]): (x: number, y: number) => number {
  const [u, v] = [b, c].map(p => [p[0] - a[0], p[1] - a[1], p[2] - a[2]]);
  const area = u[0] * v[1] - u[1] * v[0];
  const [least, greatest] = [Math.min(a[2], b[2], c[2]), Math.max(a[2], b[2], c[2])];
  return (x, y) => {
    const [dx, dy] = [x - a[0], y - a[1]];
    const z = a[2] + ((dx * v[1] - dy * v[0]) * u[2] + (dy * u[0] - dx * u[1]) * v[2]) / area;
    return z >= least ? Math.min(z, greatest) : least;
  };
}
