/** A shell's own part of a grid, filled: which points lie inside it, and which on it. */

import type { Mesh } from './mesh.js';
import { boundsOfShell } from './shells.js';

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
 * By the parity of how often a ray along the last axis has crossed the shell before a point.
 *
 * Every comparison is half open (a crossing belongs to the first point at or after it), and where an edge crosses a row
 * is computed once for both its triangles, from the same end. So a line of points meets a closed mesh an even number of
 * times whatever is rounded, and points exactly on edges or vertices are nowhere counted twice.
 */
export function fillShell(shell: Mesh, grid: VoxelGrid): FilledPart {
  const { least, greatest } = boundsOfShell(shell);
  const indexOf = (value: number, axis: number) => (value - grid.origin[axis]) / grid.spacing;
  const from = least.map((value, axis) => Math.max(0, Math.floor(indexOf(value, axis)) - 1));
  const shape = greatest.map((value, axis) =>
    Math.max(0, Math.min(grid.shape[axis], Math.floor(indexOf(value, axis)) + 2) - from[axis]),
  );
  const [rows, columns, layers] = shape;
  const marks = new Uint8Array(rows * columns * layers);
  if (marks.length === 0) return { from, shape, marks };
  const largest = Math.max(...[...least, ...greatest, ...grid.origin].map(Math.abs));
  const tolerance = rounding * (largest / grid.spacing + Math.max(...grid.shape));
  const { positions, triangles } = shell;
  const corner = (vertex: number) =>
    [0, 1, 2].map(axis => indexOf(positions[3 * vertex + axis], axis) - from[axis]) as unknown as Point;
  for (let at = 0; at < triangles.length; at += 3) {
    const corners = [corner(triangles[at]), corner(triangles[at + 1]), corner(triangles[at + 2])];
    const lowest = Math.min(...corners.map(([x]) => x));
    const highest = Math.max(...corners.map(([x]) => x));
    const heightAt = planeThrough(corners);
    for (let i = firstFrom(lowest); i < Math.min(rows, Math.ceil(highest)); i++) {
      const [first, last] = crossingsOf(corners, i);
      for (let j = firstFrom(first); j < Math.min(columns, Math.ceil(last)); j++) {
        const k = firstFrom(heightAt(i, j));
        if (k < layers) marks[(i * columns + j) * layers + k] ^= isInsideMark;
      }
    }
    markPointsOn(corners, tolerance, shape, marks);
  }
  // What was noted is where a ray crosses; the parity so far says what is inside.
  for (let at = 0; at < marks.length; at++) if (at % layers > 0) marks[at] ^= marks[at - 1] & isInsideMark;
  return { from, shape, marks };
}

/** Marks the points that lie on a triangle, seen along the axis that it faces most: there no slope exceeds 1. */
function markPointsOn(corners: readonly Point[], tolerance: number, shape: readonly number[], marks: Uint8Array): void {
  const least = [0, 1, 2].map(axis => Math.min(corners[0][axis], corners[1][axis], corners[2][axis]));
  const greatest = [0, 1, 2].map(axis => Math.max(corners[0][axis], corners[1][axis], corners[2][axis]));
  if (least.some((value, axis) => Math.ceil(value - tolerance) > greatest[axis] + tolerance)) return;
  const w = facedAxis(corners);
  const [u, v] = [(w + 1) % 3, (w + 2) % 3];
  const stride = [shape[1] * shape[2], shape[2], 1];
  const lastRow = Math.min(shape[u] - 1, Math.floor(greatest[u] + tolerance));
  for (let i = firstFrom(least[u] - tolerance); i <= lastRow; i++) {
    const ends = endsOfRow(corners, Math.min(Math.max(i, least[u]), greatest[u]), [u, v, w]);
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

function facedAxis([a, b, c]: readonly Point[]): number {
  const normal = [0, 1, 2].map(axis => {
    const [u, v] = [(axis + 1) % 3, (axis + 2) % 3];
    return Math.abs((b[u] - a[u]) * (c[v] - a[v]) - (b[v] - a[v]) * (c[u] - a[u]));
  });
  return normal.indexOf(Math.max(...normal));
}

/** The two points, (v, w) of each, where the line u = row enters and leaves a triangle. */
function endsOfRow([a, b, c]: readonly Point[], row: number, [u, v, w]: readonly number[]) {
  let first: readonly [number, number] | undefined;
  let last: readonly [number, number] | undefined;
  for (const [p, q] of [
    [a, b],
    [b, c],
    [c, a],
  ]) {
    // Where an edge lies along the row, the other two have its ends.
    if (p[u] === q[u] || Math.min(p[u], q[u]) > row || Math.max(p[u], q[u]) < row) continue;
    const share = (row - p[u]) / (q[u] - p[u]);
    const end = [p[v] + share * (q[v] - p[v]), p[w] + share * (q[w] - p[w])] as const;
    if (!first || end[0] < first[0]) first = end;
    if (!last || end[0] > last[0]) last = end;
  }
  return first && last && ([first, last] as const);
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
