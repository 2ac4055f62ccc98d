/** Closed meshes taken apart into shells: closed surfaces of their own. */

import { type Closing, closingOf } from './closing.js';
import { type Distinct, distinctOf } from './distinct.js';
import { type Edges, edgesOf, nextCorner } from './edges.js';
import type { Box, Mesh } from './mesh.js';
import { type Patches, patchesOf, rimsOf } from './patches.js';

/** A closed surface, as a mesh on the vertices of the whole. */
export interface Shell extends Mesh {
  readonly box: Box;
  /** Positive where triangles run anticlockwise as seen from outside. */
  readonly volume: number;
  /** Whether it winds once or more about what is inside; else what is inside is so by parity. */
  readonly isWound: boolean;
}

/**
 * Patches that are closed, and those that close each other. The former are taken as they are, so that a face turned round
 * does no harm; the latter, which may lie within each other, wind about what is inside where they can be turned to.
 */
export function shellsOf({ positions, triangles: given }: Mesh): Shell[] {
  const distinct = distinctOf(given);
  const edges = edgesOf(distinct.triangles);
  const patches = patchesOf(distinct, edges);
  const isInsideOut = volumeOf({ positions, triangles: given }) < 0;
  const closing = closingOf(patches, rimsOf(positions, distinct, edges, patches), isInsideOut);
  const patchesIn = new Uint32Array(closing.count);
  for (const shell of closing.shellOf) patchesIn[shell]++;
  const { starts, faces, copies } = facesByShell(distinct, patches, closing);
  const balance = new Int32Array(edges.corner.length);
  return Array.from(patchesIn, (parts, shell) => {
    const own = faces.subarray(starts[shell], starts[shell + 1]);
    const ownCopies = copies.subarray(starts[shell], starts[shell + 1]);
    const triangles = new Uint32Array(3 * own.length);
    own.forEach((face, i) => {
      for (let corner = 0; corner < 3; corner++) triangles[3 * i + corner] = distinct.triangles[3 * face + corner];
      if (patches.isBackwards[ownCopies[i]]) turnFace(triangles, i);
    });
    const mesh = { positions, triangles };
    if (parts === 1) return shellOf(mesh, false);
    const isTurned = Uint8Array.from(own, (face, i) => patches.isTurned[face] ^ closing.isTurned[ownCopies[i]]);
    turnFewest(mesh, isTurned);
    return shellOf(mesh, isBalanced(triangles, own, distinct.triangles, edges, balance));
  });
}

/** The faces of each shell, of which copy of their patch they are, and where those of each shell begin. */
function facesByShell({ times }: Distinct, patches: Patches, { count, shellOf: shells }: Closing) {
  const starts = new Uint32Array(count + 1);
  times.forEach((most, face) => {
    for (let copy = 0; copy < most; copy++) starts[shells[patches.firstOf[face] + copy] + 1]++;
  });
  for (let shell = 0; shell < count; shell++) starts[shell + 1] += starts[shell];
  const filled = starts.slice(0, -1);
  const faces = new Uint32Array(starts[count]);
  const copies = new Uint32Array(starts[count]);
  times.forEach((most, face) => {
    for (let copy = patches.firstOf[face]; copy < patches.firstOf[face] + most; copy++) {
      const place = filled[shells[copy]]++;
      faces[place] = face;
      copies[place] = copy;
    }
  });
  return { starts, faces, copies };
}

/** Turns faces round: those that are marked or, where they are the larger part, the others. */
function turnFewest({ positions, triangles }: Mesh, isMarked: Uint8Array): void {
  let excess = 0;
  isMarked.forEach((marked, face) => {
    const area = areaOf(positions, triangles, 3 * face);
    excess += marked ? area : -area;
  });
  isMarked.forEach((marked, face) => {
    if (Boolean(marked) !== excess > 0) turnFace(triangles, face);
  });
}

function turnFace(triangles: Uint32Array, face: number): void {
  const second = triangles[3 * face + 1];
  triangles[3 * face + 1] = triangles[3 * face + 2];
  triangles[3 * face + 2] = second;
}

/**
 * Whether every edge of a shell runs as often one way as the other.
 *
 * @param faces of the shell's triangles, their numbers among the distinct. @param balance of each edge, 0 before and after.
 */
function isBalanced(
  triangles: Uint32Array,
  faces: Uint32Array,
  distinct: Uint32Array,
  edges: Edges,
  balance: Int32Array,
): boolean {
  const forEachEdge = (call: (edge: number, step: number) => void) =>
    faces.forEach((face, i) => {
      const isSame = distinct[3 * face + 1] === triangles[3 * i + 1];
      for (let corner = 3 * face; corner < 3 * face + 3; corner++) {
        const isUpwards = distinct[corner] < distinct[nextCorner(corner)];
        call(edges.of[corner], isUpwards === isSame ? 1 : -1);
      }
    });
  let unbalanced = 0;
  forEachEdge((edge, step) => {
    unbalanced += Math.abs(balance[edge] + step) - Math.abs(balance[edge]);
    balance[edge] += step;
  });
  forEachEdge(edge => {
    balance[edge] = 0;
  });
  return unbalanced === 0;
}

function shellOf(mesh: Mesh, isWound: boolean): Shell {
  return { ...mesh, box: boundsOfFaces(mesh), volume: volumeOf(mesh), isWound };
}

/** The bounds of those vertices that its triangles have. */
function boundsOfFaces({ positions, triangles }: Mesh): Box {
  const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const greatest = least.map(value => -value);
  for (let at = 0; at < triangles.length; at++) {
    for (let axis = 0; axis < 3; axis++) {
      const value = positions[3 * triangles[at] + axis];
      if (value < least[axis]) least[axis] = value;
      if (value > greatest[axis]) greatest[axis] = value;
    }
  }
  return { least, greatest };
}

/** By the divergence theorem, from the shell's own first vertex, so that nothing cancels far from the origin. */
function volumeOf({ positions, triangles }: Mesh): number {
  const at = (corner: number, axis: number) =>
    positions[3 * triangles[corner] + axis] - positions[3 * triangles[0] + axis];
  let volume = 0;
  for (let a = 0; a < triangles.length; a += 3) {
    const [b, c] = [a + 1, a + 2];
    volume +=
      at(a, 0) * (at(b, 1) * at(c, 2) - at(b, 2) * at(c, 1)) +
      at(a, 1) * (at(b, 2) * at(c, 0) - at(b, 0) * at(c, 2)) +
      at(a, 2) * (at(b, 0) * at(c, 1) - at(b, 1) * at(c, 0));
  }
  return volume / 6;
}

function areaOf(positions: Mesh['positions'], triangles: Uint32Array, at: number): number {
  const from = (corner: number) =>
    [0, 1, 2].map(axis => positions[3 * triangles[at + corner] + axis] - positions[3 * triangles[at] + axis]);
  const [u, v] = [from(1), from(2)];
  return Math.hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]) / 2;
}
