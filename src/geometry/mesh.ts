/** Triangle meshes: vertices brought together, bounds, places. */

import { hash, slotsFor } from './hash.js';

export interface Mesh {
  /** x, y, z of each vertex; in float64 where coordinates are far from the origin. */
  readonly positions: Float32Array | Float64Array;
  /** The vertices of each triangle, anticlockwise as seen from outside. */
  readonly triangles: Uint32Array;
}

/**
 * The mesh whose corners have these positions, vertices at one place made one, and triangles of fewer than three
 * different vertices left out: they have no area and no edge of their own. So are vertices of no triangle.
 *
 * @param positions x, y, z, of a triangle's corners none of them NaN.
 * @param corners the positions' numbers, three a triangle; in their order by default.
 */
export function weld(positions: ArrayLike<number>, corners?: ArrayLike<number>): Mesh {
  const count = positions.length / 3;
  const isUsed = new Uint8Array(count).fill(corners ? 0 : 1);
  if (corners) for (let i = 0; i < corners.length; i++) isUsed[corners[i]] = 1;
  const kept = new Float64Array(positions.length);
  const bits = new Uint32Array(kept.buffer);
  const slots = slotsFor(count); // a kept vertex's number + 1, 0 where free
  const newNumber = new Uint32Array(count);
  const words = [0, 1, 2, 3, 4, 5];
  let vertices = 0;
  for (let i = 0; i < count; i++) {
    if (!isUsed[i]) continue;
    const at = 6 * vertices;
    for (let axis = 0; axis < 3; axis++) kept[3 * vertices + axis] = positions[3 * i + axis] + 0; // -0 becomes 0
    let slot = hash(bits, at, 6) & (slots.length - 1);
    while (slots[slot] !== 0) {
      const other = 6 * (slots[slot] - 1);
      if (words.every(word => bits[other + word] === bits[at + word])) break;
      slot = (slot + 1) & (slots.length - 1);
    }
    if (slots[slot] === 0) slots[slot] = ++vertices;
    newNumber[i] = slots[slot] - 1;
  }
  const triangles = Uint32Array.from(
    { length: corners?.length ?? count },
    (_, i) => newNumber[corners ? corners[i] : i],
  );
  return { positions: kept.slice(0, 3 * vertices), triangles: withoutDegenerate(triangles) };
}

/** Triangles of three different vertices. */
function withoutDegenerate(triangles: Uint32Array): Uint32Array {
  let used = 0;
  for (let at = 0; at + 2 < triangles.length; at += 3) {
    const [a, b, c] = [triangles[at], triangles[at + 1], triangles[at + 2]];
    if (a === b || b === c || c === a) continue;
    triangles.set([a, b, c], used);
    used += 3;
  }
  return triangles.slice(0, used);
}

/**
 * Vertices that lie no further apart than a distance made one: the first of them in the mesh's order.
 *
 * @param vertices which may be: no other is moved. @returns the mesh, and how many of them are gone.
 */
export function weldNear({ positions, triangles }: Mesh, vertices: Iterable<number>, distance: number) {
  const side = 16 * distance; // so that most vertices need to be looked for in one cell alone
  const { least } = boundsOf({ positions, triangles });
  const first = new Map<number, number>(); // a cell's last vertex that was kept
  const before = new Map<number, number>(); // and the one before it in its cell
  const cellOf = (axis: number, vertex: number, offset: number) =>
    Math.floor((positions[3 * vertex + axis] - least[axis] + offset) / side) + 1;
  const cellsPerAxis = 2 ** 17;
  const keyOf = (x: number, y: number, z: number) => (x * cellsPerAxis + y) * cellsPerAxis + z;
  const near = (a: number, b: number) =>
    [0, 1, 2].every(axis => Math.abs(positions[3 * a + axis] - positions[3 * b + axis]) <= distance);
  const into = new Map<number, number>();
  for (const vertex of vertices) {
    const from = [0, 1, 2].map(axis => cellOf(axis, vertex, -distance));
    const to = [0, 1, 2].map(axis => cellOf(axis, vertex, distance));
    let found: number | undefined;
    for (let x = from[0]; x <= to[0]; x++) {
      for (let y = from[1]; y <= to[1]; y++) {
        for (let z = from[2]; z <= to[2]; z++) {
          let other = first.get(keyOf(x, y, z));
          while (other !== undefined && found === undefined) {
            if (near(vertex, other)) found = other;
            other = before.get(other);
          }
        }
      }
    }
    if (found !== undefined) {
      into.set(vertex, found);
      continue;
    }
    const key = keyOf(cellOf(0, vertex, 0), cellOf(1, vertex, 0), cellOf(2, vertex, 0));
    const last = first.get(key);
    if (last !== undefined) before.set(vertex, last);
    first.set(key, vertex);
  }
  return {
    mesh: weld(
      positions,
      triangles.map(vertex => into.get(vertex) ?? vertex),
    ),
    welded: into.size,
  };
}

/** A box with its sides along the axes: the least and the greatest x, y, z. */
export interface Box {
  readonly least: readonly number[];
  readonly greatest: readonly number[];
}

export function boundsOf({ positions }: Mesh): Box {
  const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const greatest = least.map(value => -value);
  positions.forEach((value: number, i: number) => {
    least[i % 3] = Math.min(least[i % 3], value);
    greatest[i % 3] = Math.max(greatest[i % 3], value);
  });
  return { least, greatest };
}

/** The mesh with every vertex at `origin + spacing * position`. */
export function placed({ positions, triangles }: Mesh, origin: readonly number[], spacing: number): Mesh {
  return { positions: Float64Array.from(positions, (value, i) => origin[i % 3] + spacing * value), triangles };
}
