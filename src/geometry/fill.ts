/** A shell's own part of a grid, filled: which points lie inside it, and which on it. */

import type { Shell } from './shells.js';

/** Points `origin + spacing * (i, j, k)`, 0 <= i < shape[0] and so on: the middles of cubes that fill a box. */
export interface VoxelGrid {
  readonly shape: readonly number[];
  readonly origin: readonly number[];
  readonly spacing: number;
}

/** Points `from <= index < from + shape` of a grid. */
export interface Part {
  readonly from: readonly number[];
  readonly shape: readonly number[];
}

export interface FilledPart extends Part {
  /** 0 outside, `isInsideMark` inside, more on the shell itself: row-major. */
  readonly marks: Uint8Array;
}

export const isInsideMark = 1;
const isOnMark = 2;
/** Of a grid's coordinates: points no further from a face lie on it but for the rounding of both. */
const rounding = 2 ** -46;

/**
 * By how often a ray along the last axis has crossed the shell before a point, either way: its winding number there.
 * What is inside has an odd one, or in a shell that is wound any but 0.
 *
 * Every comparison is half open (a crossing belongs to the first point at or after it), and where an edge crosses a row
 * is computed once for both its triangles, from the same end. So a line of points meets a closed mesh an even number of
 * times whatever is rounded, and points exactly on edges or vertices are nowhere counted twice.
 */
export function fillShell(shell: Shell, grid: VoxelGrid): FilledPart {
  const part = partAround(shell, grid);
  const marks = new Uint8Array(part.shape[0] * part.shape[1] * part.shape[2]);
  if (marks.length === 0) return { ...part, marks };
  const corners = cornersIn(shell, grid, part);
  for (let at = 0; at < corners.length; at += 9) addCrossings(corners, at, part.shape, marks);
  sumUp(marks, part.shape[2], shell.isWound);
  const { least, greatest } = shell.box;
  const largest = Math.max(...[...least, ...greatest, ...grid.origin].map(Math.abs));
  const tolerance = rounding * (largest / grid.spacing + Math.max(...grid.shape));
  for (let at = 0; at < corners.length; at += 9) markPointsOn(corners, at, tolerance, part.shape, marks);
  return { ...part, marks };
}

/** The points about a shell's box, one more on either side. */
function partAround({ box }: Shell, { shape, origin, spacing }: VoxelGrid): Part {
  const indexOf = (value: number, axis: number) => Math.floor((value - origin[axis]) / spacing);
  const from = box.least.map((value, axis) => Math.max(0, indexOf(value, axis) - 1));
  const count = (value: number, axis: number) => Math.min(shape[axis], indexOf(value, axis) + 2) - from[axis];
  return { from, shape: box.greatest.map((value, axis) => Math.max(0, count(value, axis))) };
}

/** x, y, z of every corner, counted in the part's points. */
function cornersIn({ positions, triangles }: Shell, { origin, spacing }: VoxelGrid, { from }: Part): Float64Array {
  const corners = new Float64Array(3 * triangles.length);
  for (let at = 0; at < triangles.length; at++) {
    for (let axis = 0; axis < 3; axis++) {
      corners[3 * at + axis] = (positions[3 * triangles[at] + axis] - origin[axis]) / spacing - from[axis];
    }
  }
  return corners;
}

/** Notes where rays cross a triangle: 1 one way, -1 the other. Counts are kept modulo 256. */
function addCrossings(corners: Float64Array, at: number, shape: readonly number[], marks: Uint8Array): void {
  const [rows, columns, layers] = shape;
  const [a, b, c] = [at, at + 3, at + 6];
  const lowest = Math.min(corners[a], corners[b], corners[c]);
  const lastRow = Math.min(rows, Math.ceil(Math.max(corners[a], corners[b], corners[c])));
  for (let i = firstFrom(lowest); i < lastRow; i++) {
    // Two of the three edges cross the line x = i, one upwards and one downwards.
    const [ab, bc, ca] = [crossingOf(corners, a, b, i), crossingOf(corners, b, c, i), crossingOf(corners, c, a, i)];
    const [one, other] = Number.isNaN(ab) ? [bc, ca] : [ab, Number.isNaN(bc) ? ca : bc];
    const isUpwards = Number.isNaN(ab) ? corners[b] < corners[c] : corners[a] < corners[b];
    const crossing = isUpwards === one < other ? 1 : -1;
    const lastColumn = Math.min(columns, Math.ceil(Math.max(one, other)));
    for (let j = firstFrom(Math.min(one, other)); j < lastColumn; j++) {
      const k = firstFrom(heightOver(corners, at, i, j));
      if (k < layers) marks[(i * columns + j) * layers + k] += crossing;
    }
  }
}

/** Where an edge crosses the line x = row, from the same end for both its triangles; NaN where it does not. */
function crossingOf(corners: Float64Array, from: number, to: number, row: number): number {
  const [low, high] = corners[from] < corners[to] ? [from, to] : [to, from];
  if (!(corners[low] <= row && row < corners[high])) return Number.NaN;
  const share = (row - corners[low]) / (corners[high] - corners[low]);
  return corners[low + 1] + share * (corners[high + 1] - corners[low + 1]);
}

/** z of a triangle's plane over (x, y), kept between its corners' where the triangle stands nearly upright. */
function heightOver(corners: Float64Array, at: number, x: number, y: number): number {
  const along = (corner: number, axis: number) => corners[at + 3 * corner + axis] - corners[at + axis];
  const area = along(1, 0) * along(2, 1) - along(1, 1) * along(2, 0);
  const [dx, dy] = [x - corners[at], y - corners[at + 1]];
  const [du, dv] = [dx * along(2, 1) - dy * along(2, 0), dy * along(1, 0) - dx * along(1, 1)];
  const z = corners[at + 2] + (du * along(1, 2) + dv * along(2, 2)) / area;
  const least = Math.min(corners[at + 2], corners[at + 5], corners[at + 8]);
  const greatest = Math.max(corners[at + 2], corners[at + 5], corners[at + 8]);
  return z >= least ? Math.min(z, greatest) : least;
}

/** From crossings to what they leave inside. */
function sumUp(marks: Uint8Array, layers: number, isWound: boolean): void {
  let winding = 0;
  for (let at = 0; at < marks.length; at++) {
    if (at % layers === 0) winding = 0;
    winding = (winding + marks[at]) & 255;
    marks[at] = isWound ? Number(winding !== 0) : winding & isInsideMark;
  }
}

/** Marks the points that lie on a triangle, seen along the axis that it faces most: there no slope exceeds 1. */
function markPointsOn(
  corners: Float64Array,
  at: number,
  tolerance: number,
  shape: readonly number[],
  marks: Uint8Array,
): void {
  const leastOf = (axis: number) => Math.min(corners[at + axis], corners[at + 3 + axis], corners[at + 6 + axis]);
  const greatestOf = (axis: number) => Math.max(corners[at + axis], corners[at + 3 + axis], corners[at + 6 + axis]);
  for (let axis = 0; axis < 3; axis++) {
    if (Math.ceil(leastOf(axis) - tolerance) > greatestOf(axis) + tolerance) return;
  }
  const w = facedAxis(corners, at);
  const [u, v] = [(w + 1) % 3, (w + 2) % 3];
  const stride = [shape[1] * shape[2], shape[2], 1];
  const [least, greatest] = [leastOf(u), greatestOf(u)];
  const lastRow = Math.min(shape[u] - 1, Math.floor(greatest + tolerance));
  for (let i = firstFrom(least - tolerance); i <= lastRow; i++) {
    const ends = endsOfRow(corners, at, Math.min(Math.max(i, least), greatest), [u, v, w]);
    if (!ends) continue;
    const [[y0, z0], [y1, z1]] = ends;
    const lastColumn = Math.min(shape[v] - 1, Math.floor(y1 + tolerance));
    for (let j = firstFrom(y0 - tolerance); j <= lastColumn; j++) {
      const share = y1 > y0 ? Math.min(Math.max((j - y0) / (y1 - y0), 0), 1) : 0;
      const z = z0 + share * (z1 - z0);
      const k = Math.round(z);
      if (Math.abs(z - k) > 2 * tolerance || k < 0 || k >= shape[w]) continue;
      marks[i * stride[u] + j * stride[v] + k * stride[w]] |= isOnMark;
    }
  }
}

function facedAxis(corners: Float64Array, at: number): number {
  const along = (corner: number, axis: number) => corners[at + 3 * corner + axis] - corners[at + axis];
  const normal = [0, 1, 2].map(axis => {
    const [u, v] = [(axis + 1) % 3, (axis + 2) % 3];
    return Math.abs(along(1, u) * along(2, v) - along(1, v) * along(2, u));
  });
  return normal.indexOf(Math.max(...normal));
}

/** The two points, (v, w) of each, where the line u = row enters and leaves a triangle. */
function endsOfRow(corners: Float64Array, at: number, row: number, [u, v, w]: readonly number[]) {
  let first: readonly [number, number] | undefined;
  let last: readonly [number, number] | undefined;
  for (let corner = 0; corner < 3; corner++) {
    const [p, q] = [at + 3 * corner, at + 3 * ((corner + 1) % 3)];
    const [from, to] = [corners[p + u], corners[q + u]];
    // Where an edge lies along the row, the other two have its ends.
    if (from === to || Math.min(from, to) > row || Math.max(from, to) < row) continue;
    const share = (row - from) / (to - from);
    const along = (axis: number) => corners[p + axis] + share * (corners[q + axis] - corners[p + axis]);
    const end = [along(v), along(w)] as const;
    if (!first || end[0] < first[0]) first = end;
    if (!last || end[0] > last[0]) last = end;
  }
  return first && last && ([first, last] as const);
}

function firstFrom(value: number): number {
  return Math.max(0, Math.ceil(value));
}
