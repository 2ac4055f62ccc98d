/**
 * Marching cubes (Lorensen and Cline 1987): the surface on which a function on a grid takes a value. The table of cases,
 * Cory Gene Bloyd's as Paul Bourke published it, comes with three.js.
 */

import { triTable } from 'three/addons/objects/MarchingCubes.js';
import type { Mesh } from './mesh.js';

/** The corners of a cube and its edges, in the table's order. */
const corners = [
  [0, 0, 0],
  [1, 0, 0],
  [1, 1, 0],
  [0, 1, 0],
  [0, 0, 1],
  [1, 0, 1],
  [1, 1, 1],
  [0, 1, 1],
] as const;
const edges = [
  [0, 1],
  [1, 2],
  [3, 2],
  [0, 3],
  [4, 5],
  [5, 6],
  [7, 6],
  [4, 7],
  [0, 4],
  [1, 5],
  [2, 6],
  [3, 7],
].map(([from, to]) => ({ from: corners[from], axis: corners[from].findIndex((at, axis) => at !== corners[to][axis]) }));
/** Edges of triangles a case has at most, and the end of a case that has fewer. */
const caseLength = 16;

/**
 * A closed mesh around the points whose value is above `level`. Beyond the grid nothing is: where it ends, the surface
 * lies half a step outside.
 *
 * @param values (n_1, n_2, n_3), row-major. @returns positions in steps of the grid, its first point at 0.
 */
export function marchingCubes(values: Values, shape: readonly number[], level: number): Mesh {
  const surface = new Surface(shape, level);
  const plane = shape[1] * shape[2];
  for (let i = 0; i < shape[0]; i++) surface.add(values, i * plane);
  return surface.end();
}

/**
 * The same of values that come from front to back, some whole planes of points of the first axis at a time.
 *
 * @param parts each left as it is until the next was taken.
 */
export async function marchingCubesOf(
  parts: AsyncIterable<Values>,
  shape: readonly number[],
  level: number,
): Promise<Mesh> {
  const surface = new Surface(shape, level);
  const plane = shape[1] * shape[2];
  for await (const part of parts) for (let first = 0; first < part.length; first += plane) surface.add(part, first);
  return surface.end();
}

type Values = ArrayLike<number>;

/** A plane of points of the first axis: its numbers begin at `first` of an array. */
interface Plane {
  readonly values: Values;
  readonly first: number;
}

/** A mesh that grows by the layer of cubes between one plane of points and the next. */
class Surface {
  readonly #positions: number[] = [];
  readonly #triangles: number[] = [];
  /** The vertex on the edge from a point along an axis, of the two planes of points that a layer lies between. */
  readonly #vertices: readonly [Int32Array, Int32Array];
  #row = -1;
  #below: Plane | undefined;

  constructor(
    private readonly shape: readonly number[],
    private readonly level: number,
  ) {
    const plane = 3 * (shape[1] + 2) * (shape[2] + 2);
    this.#vertices = [new Int32Array(plane).fill(-1), new Int32Array(plane).fill(-1)];
  }

  /** @param first where the plane's numbers begin. */
  add(values: Values, first: number): void {
    this.#layer({ values, first });
  }

  end(): Mesh {
    this.#layer(undefined);
    return { positions: Float32Array.from(this.#positions), triangles: Uint32Array.from(this.#triangles) };
  }

  /** The cubes between the plane before and this one; beyond the grid there is none. */
  #layer(above: Plane | undefined): void {
    const [, columns, layers] = this.shape;
    const { level } = this;
    const i = this.#row;
    const planes = [this.#below, above];
    /** NaN beyond the grid. @param x 0 of the plane before, 1 of this one. */
    const valueAt = (x: number, j: number, k: number): number => {
      const plane = planes[x];
      if (!plane || j < 0 || j >= columns || k < 0 || k >= layers) return Number.NaN;
      return plane.values[plane.first + j * layers + k];
    };
    const vertexOn = (x: number, j: number, k: number, axis: number): number => {
      const known = this.#vertices[(i + x) & 1];
      const at = ((j + 1) * (layers + 2) + k + 1) * 3 + axis;
      if (known[at] < 0) {
        const end: [number, number, number] = [x, j, k];
        end[axis]++;
        const [a, b] = [valueAt(x, j, k), valueAt(...end)];
        const share = (level - a) / (b - a);
        known[at] = this.#positions.length / 3;
        const position: [number, number, number] = [i + x, j, k];
        position[axis] += share >= 0 && share <= 1 ? share : 0.5;
        this.#positions.push(...position);
      }
      return known[at];
    };
    this.#vertices[(i + 1) & 1].fill(-1);
    for (let j = -1; j < columns; j++) {
      for (let k = -1; k < layers; k++) {
        let below = 0;
        for (let corner = 0; corner < 8; corner++) {
          const [x, y, z] = corners[corner];
          if (!(valueAt(x, j + y, k + z) > level)) below |= 1 << corner;
        }
        if (below === 0 || below === 255) continue;
        for (let at = below * caseLength; triTable[at] >= 0; at++) {
          const { from, axis } = edges[triTable[at]];
          this.#triangles.push(vertexOn(from[0], j + from[1], k + from[2], axis));
        }
      }
    }
    this.#below = above;
    this.#row++;
  }
}
