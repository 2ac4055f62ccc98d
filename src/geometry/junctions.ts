/** T-junctions: corners of some faces that lie on an edge of another, which is open for want of them. */

import { nextCorner } from './edges.js';
import { type Box, boundsOf, type Mesh } from './mesh.js';

export interface Split {
  readonly mesh: Mesh;
  /** Edges that were split. */
  readonly edges: number;
}

/** Looked at in all: a soup of long open edges has any number of corners near each. */
const mostLookedAt = 2 ** 26;

/**
 * The mesh, its open edges split at the open edges' ends that lie on them.
 *
 * @param open corners from which the open edges go. @param distance no further from an edge than this is on it.
 */
export function splitAtJunctions(mesh: Mesh, open: readonly number[], distance: number): Split {
  const { positions, triangles } = mesh;
  const ends = new Set(open.flatMap(corner => [triangles[corner], triangles[nextCorner(corner)]]));
  const grid = new Cells(positions, [...ends], boundsOf(mesh));
  const on = new Map<number, number[]>(); // of an open edge, the vertices on it, from its corner on
  for (const corner of open) {
    const found = verticesOn(positions, triangles, corner, grid, distance);
    if (found.length > 0) on.set(corner, found);
    if (grid.lookedAt > mostLookedAt) return { mesh, edges: 0 };
  }
  const split: number[] = [];
  for (let at = 0; at < triangles.length; at += 3) {
    const sides = [0, 1, 2].map(i => on.get(at + i) ?? []);
    cut(split, triangles.subarray(at, at + 3), sides);
  }
  return { mesh: { positions, triangles: Uint32Array.from(split) }, edges: on.size };
}

/** Adds a triangle whose sides, each from its corner to the next, have vertices on them: cut in the middle of one. */
function cut(into: number[], [a, b, c]: ArrayLike<number> & Iterable<number>, [ab, bc, ca]: number[][]): void {
  if (ab.length > 0) {
    const middle = ab.length >> 1;
    cut(into, [a, ab[middle], c], [ab.slice(0, middle), [], ca]);
    cut(into, [ab[middle], b, c], [ab.slice(middle + 1), bc, []]);
  } else if (bc.length > 0) cut(into, [b, c, a], [bc, ca, ab]);
  else if (ca.length > 0) cut(into, [c, a, b], [ca, ab, bc]);
  else into.push(a, b, c);
}

function verticesOn(
  positions: Mesh['positions'],
  triangles: Uint32Array,
  corner: number,
  grid: Cells,
  distance: number,
): number[] {
  const [a, b] = [triangles[corner], triangles[nextCorner(corner)]];
  const opposite = triangles[nextCorner(nextCorner(corner))];
  const from = [0, 1, 2].map(axis => positions[3 * a + axis]);
  const along = from.map((value, axis) => positions[3 * b + axis] - value);
  const length = Math.hypot(...along);
  const places = new Map<number, number>();
  for (const vertex of grid.near(from, along, distance)) {
    if (vertex === a || vertex === b || vertex === opposite) continue;
    const away = from.map((value, axis) => positions[3 * vertex + axis] - value);
    const place = away.reduce((sum, value, axis) => sum + (value * along[axis]) / length, 0);
    const beside = Math.hypot(...away.map((value, axis) => value - (place / length) * along[axis]));
    if (beside <= distance && place > distance && place < length - distance) places.set(vertex, place);
  }
  return [...places].sort(([, one], [, other]) => one - other).map(([vertex]) => vertex);
}

/** Vertices in the cells of a grid. */
class Cells {
  lookedAt = 0;
  readonly #least: readonly number[];
  readonly #sides: readonly number[];
  readonly #perAxis: number;
  readonly #cells = new Map<number, number[]>();

  constructor(positions: Mesh['positions'], vertices: readonly number[], { least, greatest }: Box) {
    this.#perAxis = Math.min(64, Math.ceil(Math.cbrt(vertices.length)));
    this.#least = least;
    this.#sides = greatest.map((value, axis) => (value - least[axis]) / this.#perAxis || 1);
    for (const vertex of vertices) {
      const [x, y, z] = [0, 1, 2].map(axis => this.#cellOf(positions[3 * vertex + axis], axis));
      const cell = this.#cells.get(this.#numberOf(x, y, z)) ?? [];
      cell.push(vertex);
      this.#cells.set(this.#numberOf(x, y, z), cell);
    }
  }

  /** Those near an edge, and others; some more than once. */
  *near(from: readonly number[], along: readonly number[], distance: number): Generator<number> {
    const pieces = Math.ceil(Math.max(...along.map((value, axis) => Math.abs(value) / this.#sides[axis]), 1));
    for (let piece = 0; piece < pieces; piece++) {
      const ends = [piece / pieces, (piece + 1) / pieces].map(share => from.map((x, axis) => x + share * along[axis]));
      const low = [0, 1, 2].map(axis => this.#cellOf(Math.min(ends[0][axis], ends[1][axis]) - distance, axis));
      const high = [0, 1, 2].map(axis => this.#cellOf(Math.max(ends[0][axis], ends[1][axis]) + distance, axis));
      for (let x = low[0]; x <= high[0]; x++) {
        for (let y = low[1]; y <= high[1]; y++) {
          for (let z = low[2]; z <= high[2]; z++) {
            const cell = this.#cells.get(this.#numberOf(x, y, z)) ?? [];
            this.lookedAt += 1 + cell.length;
            yield* cell;
          }
        }
      }
    }
  }

  #cellOf(value: number, axis: number): number {
    const cell = Math.floor((value - this.#least[axis]) / this.#sides[axis]);
    return Math.max(0, Math.min(this.#perAxis - 1, cell));
  }

  #numberOf(x: number, y: number, z: number): number {
    return (x * this.#perAxis + y) * this.#perAxis + z;
  }
}
