/** Triangles that a mesh has more than once, either way round, and how many of each are meant. */

import { DisjointSets, edgesOf } from './edges.js';
import { hash } from './hash.js';
import type { Mesh } from './mesh.js';

/**
 * The mesh without the triangles that were given again.
 *
 * A copy is too many where a whole shell was given again, or where an edge is closed only without it. Two copies stay
 * where solids meet in a face: with one, the face would be a wall whose rim is open.
 */
export function withoutDuplicates(mesh: Mesh): Mesh {
  const { triangles, times } = distinct(mesh.triangles);
  if (times.every(count => count === 1)) return mesh;
  const edges = edgesOf(triangles);
  divideByCommon(times, edges.of);
  const once = new Uint32Array(edges.corner.length); // of each edge, its faces that are meant once whatever is decided
  const twice = new Uint32Array(edges.corner.length); // and those to decide on
  edges.of.forEach((edge, corner) => {
    (isOdd(times[faceOf(corner)]) ? once : twice)[edge]++;
  });
  const patches = new DisjointSets(times.length);
  joinOver(patches, edges.of, (edge, face) => twice[edge] === 2 && once[edge] === 0 && !isOdd(times[face]));
  const meeting = patchesThatMeet(patches, edges.of, times, once);
  const kept: number[] = [];
  times.forEach((count, face) => {
    const corners = triangles.subarray(3 * face, 3 * face + 3);
    kept.push(...corners);
    if (!isOdd(count) && meeting.has(patches.of(face))) kept.push(...corners);
  });
  return { positions: mesh.positions, triangles: Uint32Array.from(kept) };
}

const isOdd = (count: number) => count % 2 === 1;
const faceOf = (corner: number) => Math.floor(corner / 3);

/** Every triangle once, as it was given first, and how often it was given. */
function distinct(triangles: Uint32Array): { triangles: Uint32Array; times: number[] } {
  const slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * triangles.length + 1))); // a kept triangle's number + 1
  const kept = new Uint32Array(triangles.length);
  const sorted = new Uint32Array(triangles.length);
  const times: number[] = [];
  for (let at = 0; at < triangles.length; at += 3) {
    const used = 3 * times.length;
    sorted.set(triangles.slice(at, at + 3).sort(), used);
    let slot = hash(sorted, used, 3) & (slots.length - 1);
    while (slots[slot] !== 0) {
      const other = 3 * (slots[slot] - 1);
      if ([0, 1, 2].every(i => sorted[other + i] === sorted[used + i])) break;
      slot = (slot + 1) & (slots.length - 1);
    }
    if (slots[slot] !== 0) {
      times[slots[slot] - 1]++;
      continue;
    }
    kept.set(triangles.subarray(at, at + 3), used);
    times.push(1);
    slots[slot] = times.length;
  }
  return { triangles: kept.slice(0, 3 * times.length), times };
}

/** What hangs together and was given n times as a whole is given once. */
function divideByCommon(times: number[], edgeOf: Uint32Array): void {
  const figures = new DisjointSets(times.length);
  joinOver(figures, edgeOf, () => true);
  const common = new Map<number, number>();
  times.forEach((count, face) => {
    common.set(figures.of(face), commonDivisor(count, common.get(figures.of(face)) ?? 0));
  });
  times.forEach((count, face) => {
    times[face] = count / (common.get(figures.of(face)) as number);
  });
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

function joinOver(faces: DisjointSets, edgeOf: Uint32Array, isJoined: (edge: number, face: number) => boolean): void {
  const first = new Map<number, number>();
  edgeOf.forEach((edge, corner) => {
    const face = faceOf(corner);
    if (!isJoined(edge, face)) return;
    const other = first.get(edge);
    if (other === undefined) first.set(edge, face);
    else faces.unite(other, face);
  });
}

/** The patches of faces in question with an edge of their rim that the other faces close on their own. */
function patchesThatMeet(
  patches: DisjointSets,
  edgeOf: Uint32Array,
  times: readonly number[],
  once: Uint32Array,
): Set<number> {
  const rims = new Map<number, Set<number>>();
  edgeOf.forEach((edge, corner) => {
    const face = faceOf(corner);
    if (isOdd(times[face])) return;
    const rim = rims.get(patches.of(face)) ?? new Set();
    if (!rim.delete(edge)) rim.add(edge);
    rims.set(patches.of(face), rim);
  });
  return new Set([...rims].filter(([, rim]) => [...rim].some(edge => !isOdd(once[edge]))).map(([patch]) => patch));
}
