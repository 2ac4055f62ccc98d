/** Patches of a mesh, faces that hang together over edges of two, and how they meet at the others. */

import type { Distinct } from './distinct.js';
import { type Edges, nextCorner } from './edges.js';
import type { Mesh } from './mesh.js';

/** Every patch as often as it was given, copy by copy. */
export interface Patches {
  readonly count: number;
  /** Of each face, the first copy of its patch, from 0; the others follow it. */
  readonly firstOf: Uint32Array;
  /** Of each face, 1 where it runs the other way round than its patch's first. */
  readonly isTurned: Uint8Array;
  /** Of each patch, 1 where it was given the other way round than its first copy. */
  readonly isBackwards: Uint8Array;
  /** Of each edge, 1 where no faces hang together over it. */
  readonly isRim: Uint8Array;
}

/** @param edges those of the triangles. */
export function patchesOf({ triangles, times, backwards }: Distinct, edges: Edges): Patches {
  const isRim = new Uint8Array(edges.corner.length).fill(1);
  const across = new Int32Array(triangles.length).fill(-1); // of each corner, that of the edge's other face
  for (let corner = 0; corner < triangles.length; corner++) {
    const edge = edges.of[corner];
    const first = edges.corner[edge];
    if (edges.triangles[edge] !== 2 || first === corner) continue;
    const [face, other] = [faceOf(corner), faceOf(first)];
    const isOtherWay = triangles[corner] === triangles[first];
    const asOften = isOtherWay ? times[other] - backwards[other] : backwards[other];
    if (times[face] !== times[other] || (times[face] > 1 && backwards[face] !== asOften)) continue;
    across[corner] = first;
    across[first] = corner;
    isRim[edge] = 0;
  }
  const faces = triangles.length / 3;
  const firstOf = new Uint32Array(faces);
  const isTurned = new Uint8Array(faces);
  const isReached = new Uint8Array(faces);
  const reached = new Uint32Array(faces);
  const copies: [number, number][] = []; // of a patch given more than once: its first copy, and how it was given
  let count = 0;
  for (let start = 0; start < faces; start++) {
    if (isReached[start]) continue;
    let [end, at] = [0, 0];
    reached[end++] = start;
    isReached[start] = 1;
    while (at < end) {
      const face = reached[at++];
      firstOf[face] = count;
      for (let corner = 3 * face; corner < 3 * face + 3; corner++) {
        const other = across[corner];
        const next = faceOf(other);
        if (other < 0 || isReached[next]) continue;
        isReached[next] = 1;
        isTurned[next] = isTurned[face] ^ Number(triangles[corner] === triangles[other]);
        reached[end++] = next;
      }
    }
    if (backwards[start] > 0) copies.push([count + times[start] - backwards[start], count + times[start]]);
    count += times[start];
  }
  const isBackwards = new Uint8Array(count);
  for (const [from, to] of copies) isBackwards.fill(1, from, to);
  return { count, firstOf, isTurned, isBackwards, isRim };
}

const faceOf = (corner: number) => Math.floor(corner / 3);

/**
 * Where patches meet: at each edge over which nothing hangs together, one rim for every patch with an odd number of its
 * faces. What is said of a rim is at its number; those of an edge have numbers that follow each other, by angle.
 */
export interface Rims {
  readonly count: number;
  readonly edge: Uint32Array;
  readonly patch: Uint32Array;
  /** Whether the patch, as it was given, has the edge from its lower vertex to its higher. */
  readonly isUpwards: Uint8Array;
  /** At which the patch leaves the edge, in radians, anticlockwise seen from its higher vertex. */
  readonly angle: Float64Array;
}

/** Angles no further apart are one. */
export const sameAngle = 1e-9;

/** @param edges those of the distinct triangles. */
export function rimsOf(
  positions: Mesh['positions'],
  { triangles, times }: Distinct,
  edges: Edges,
  patches: Patches,
): Rims {
  const { starts, corners } = cornersAt(edges, patches.isRim);
  const patchOf = (corner: number) => patches.firstOf[faceOf(corner)];
  const runsUpwards = (corner: number) =>
    triangles[corner] < triangles[nextCorner(corner)] !== (patches.isTurned[faceOf(corner)] === 1);
  const most = corners.reduce((sum, corner) => sum + times[faceOf(corner)], 0);
  const edge = new Uint32Array(most);
  const patch = new Uint32Array(most);
  const isUpwards = new Uint8Array(most);
  const angle = new Float64Array(most);
  let count = 0;
  for (let at = 0; at < starts.length - 1; at++) {
    const own = corners.subarray(starts[at], starts[at + 1]).sort((a, b) => patchOf(a) - patchOf(b) || a - b);
    const found: Rim[] = [];
    for (let from = 0, to = 0; from < own.length; from = to) {
      let upwards = 0;
      while (to < own.length && patchOf(own[to]) === patchOf(own[from])) upwards += runsUpwards(own[to++]) ? 1 : -1;
      if ((to - from) % 2 === 0) continue;
      const corner = own.subarray(from, to).find(one => runsUpwards(one) === upwards > 0) as number;
      found.push({ corner, isUpwards: upwards > 0, angle: angleOf(positions, triangles, corner) });
    }
    found.sort((a, b) => a.angle - b.angle);
    for (const rim of found) {
      const first = patchOf(rim.corner);
      for (let copy = first; copy < first + times[faceOf(rim.corner)]; copy++) {
        edge[count] = edges.of[rim.corner];
        patch[count] = copy;
        isUpwards[count] = Number(rim.isUpwards) ^ patches.isBackwards[copy];
        angle[count++] = rim.angle;
      }
    }
  }
  return { count, edge, patch, isUpwards, angle };
}

interface Rim {
  readonly corner: number;
  readonly isUpwards: boolean;
  readonly angle: number;
}

/** The corners from which rims go, edge by edge, and where those of each edge begin. */
function cornersAt(edges: Edges, isRim: Uint8Array) {
  const place = new Int32Array(edges.corner.length).fill(-1);
  const starts = [0];
  isRim.forEach((rim, edge) => {
    if (!rim) return;
    place[edge] = starts[starts.length - 1];
    starts.push(place[edge] + edges.triangles[edge]);
  });
  const corners = new Uint32Array(starts[starts.length - 1]);
  if (corners.length === 0) return { starts, corners };
  edges.of.forEach((edge, corner) => {
    if (place[edge] >= 0) corners[place[edge]++] = corner;
  });
  return { starts, corners };
}

type Vector = readonly [number, number, number];

/** At which a triangle leaves the edge that begins at one of its corners, whichever way it has that edge. */
function angleOf(positions: Mesh['positions'], triangles: Uint32Array, corner: number): number {
  const next = nextCorner(corner);
  const [low, high] = [Math.min(triangles[corner], triangles[next]), Math.max(triangles[corner], triangles[next])];
  const along = unit(between(positions, low, high));
  const away = between(positions, low, triangles[nextCorner(next)]);
  // Any direction that is not the edge's own serves to count angles from.
  const steepest = along.map(Math.abs).indexOf(Math.min(...along.map(Math.abs)));
  const zero = unit(cross(along, [0, 1, 2].map(axis => Number(axis === steepest)) as unknown as Vector));
  const angle = Math.atan2(dot(away, cross(along, zero)), dot(away, zero));
  return angle < sameAngle - Math.PI ? angle + 2 * Math.PI : angle; // where the two ends meet, of one sign
}

function between(positions: Mesh['positions'], from: number, to: number): Vector {
  const along = (axis: number) => positions[3 * to + axis] - positions[3 * from + axis];
  return [along(0), along(1), along(2)];
}

function unit(vector: Vector): Vector {
  const length = Math.hypot(...vector) || 1;
  return [vector[0] / length, vector[1] / length, vector[2] / length];
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
