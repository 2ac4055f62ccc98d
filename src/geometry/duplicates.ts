/** Triangles that a mesh has more than once, either way round, and how many of each are meant. */

import { type Distinct, distinctOf } from './distinct.js';
import { DisjointSets, edgesOf, joinOver } from './edges.js';
import type { Mesh } from './mesh.js';
import { type Shell, shellsOf } from './shells.js';

/**
 * The mesh without the triangles that were given again: in a figure that was given so as a whole, where an edge is closed
 * only without one, and in shells that are the same. What stays twice is where solids meet in a face, or lie within each
 * other on one side of it.
 */
export function withoutDuplicates(mesh: Mesh): Mesh {
  const found = distinctOf(mesh.triangles);
  if (found.triangles.length === mesh.triangles.length) return mesh;
  const edges = edgesOf(found.triangles);
  divideByCommon(found, edges.of);
  const isClosed = closeByFewer(found, edges.of, edges.triangles);
  const fewer = { positions: mesh.positions, triangles: copiesOf(found) };
  return isClosed ? { ...fewer, triangles: withoutSameShells(fewer) } : fewer;
}

function copiesOf({ triangles, times, backwards }: Distinct): Uint32Array {
  const copies = new Uint32Array(3 * times.reduce((sum, count) => sum + count, 0));
  let used = 0;
  times.forEach((count, face) => {
    const [a, b, c] = triangles.subarray(3 * face, 3 * face + 3);
    for (let copy = 0; copy < count; copy++, used += 3) {
      copies.set(copy < count - backwards[face] ? [a, b, c] : [a, c, b], used);
    }
  });
  return copies;
}

/** The triangles of the shells that differ; what covers itself twice is left out where others have its faces. */
function withoutSameShells(mesh: Mesh): Uint32Array {
  const shells = shellsOf(mesh);
  const alike = new Map<string, Shell[]>();
  for (const shell of shells) {
    const key = [shell.triangles.length, shell.box.least, shell.box.greatest].join();
    alike.set(key, [...(alike.get(key) ?? []), shell]);
  }
  const isThin = (shell: Shell) => distinctOf(shell.triangles).times.every(count => !isOdd(count));
  const thin = new Set(shells.filter(isThin));
  const thick = thin.size === 0 ? [] : shells.filter(shell => !thin.has(shell)).flatMap(facesOf);
  const covered = new Set(thick);
  const seen = new Set<string>();
  const kept = [...alike.values()].flatMap(group =>
    group.filter(shell => {
      if (thin.has(shell)) return !facesOf(shell).every(face => covered.has(face));
      if (group.length === 1) return true;
      const key = facesOf(shell).sort().join();
      return !seen.has(key) && seen.add(key);
    }),
  );
  const all = new Uint32Array(kept.reduce((sum, { triangles }) => sum + triangles.length, 0));
  let used = 0;
  for (const { triangles } of kept) {
    all.set(triangles, used);
    used += triangles.length;
  }
  return all;
}

/** Each triangle as a word, whichever way round it is. */
function facesOf({ triangles }: Mesh): string[] {
  return Array.from({ length: triangles.length / 3 }, (_, face) =>
    triangles
      .slice(3 * face, 3 * face + 3)
      .sort()
      .join(' '),
  );
}

const isOdd = (count: number) => count % 2 === 1;
const faceOf = (corner: number) => Math.floor(corner / 3);

/** What hangs together and was given n times as a whole is given once. */
function divideByCommon({ times, backwards }: Distinct, edgeOf: Uint32Array): void {
  const figures = new DisjointSets(times.length);
  joinOver(figures, edgeOf, () => true);
  const common = new Map<number, number>();
  times.forEach((count, face) => {
    common.set(figures.of(face), commonDivisor(count, common.get(figures.of(face)) ?? 0));
  });
  times.forEach((count, face) => {
    const divisor = common.get(figures.of(face)) as number;
    times[face] = count / divisor;
    backwards[face] = Math.floor(backwards[face] / divisor);
  });
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/**
 * Takes away a copy of those faces that must go for every edge to be closed. @returns whether all are.
 *
 * Patches, which are faces that hang together over edges of two, keep an odd number of copies or an even one as a whole,
 * and an odd one where a face was given once. Every edge then determines the last of the patches that meet there; where
 * none does, the largest that is open to choice stays as it was given.
 */
function closeByFewer({ times, backwards }: Distinct, edgeOf: Uint32Array, faces: Uint32Array): boolean {
  const patches = new DisjointSets(times.length);
  joinOver(patches, edgeOf, edge => faces[edge] === 2);
  const { patchesAt, edgesAt } = rimsOf(patches, edgeOf, faces);
  const isOddOf = new Map<number, boolean>();
  const undecided = new Map<number, number>(); // of each edge, how many of its patches are
  const decide = (first: number, value: boolean) => {
    const decisions: [number, boolean][] = [[first, value]];
    for (let next = decisions.pop(); next; next = decisions.pop()) {
      const [patch, isOddNow] = next;
      if (isOddOf.has(patch)) continue;
      isOddOf.set(patch, isOddNow);
      for (const edge of edgesAt.get(patch) ?? []) {
        undecided.set(edge, (undecided.get(edge) as number) - 1);
        if (undecided.get(edge) === 1) decisions.push(lastAt(edge));
      }
    }
  };
  const lastAt = (edge: number): [number, boolean] => {
    let [isOpen, last] = [false, -1];
    for (const patch of patchesAt.get(edge) as Set<number>) {
      const isOddNow = isOddOf.get(patch);
      if (isOddNow === undefined) last = patch;
      else if (isOddNow) isOpen = !isOpen;
    }
    return [last, isOpen];
  };
  for (const [edge, at] of patchesAt) undecided.set(edge, at.size);
  const sizes = new Map<number, number>();
  times.forEach((count, face) => {
    sizes.set(patches.of(face), (sizes.get(patches.of(face)) ?? 0) + 1);
    if (count === 1) decide(patches.of(face), true);
  });
  for (const [edge, at] of patchesAt) if (at.size === 1 && undecided.get(edge) === 1) decide(...lastAt(edge));
  const given = new Map(Array.from(times, (count, face) => [patches.of(face), isOdd(count)]));
  for (const [patch] of [...sizes].sort(([, a], [, b]) => b - a)) decide(patch, given.get(patch) as boolean);
  times.forEach((count, face) => {
    if (isOdd(count) === isOddOf.get(patches.of(face))) return;
    times[face]--;
    if (2 * backwards[face] >= count) backwards[face]--;
  });
  return [...patchesAt.values()].every(at => !isOdd([...at].filter(patch => isOddOf.get(patch)).length));
}

/** At each edge of other than two faces, the patches with an odd number of them; and the other way about. */
function rimsOf(patches: DisjointSets, edgeOf: Uint32Array, faces: Uint32Array) {
  const patchesAt = new Map<number, Set<number>>();
  edgeOf.forEach((edge, corner) => {
    if (faces[edge] === 2) return;
    const patch = patches.of(faceOf(corner));
    const at = patchesAt.get(edge) ?? new Set();
    if (!at.delete(patch)) at.add(patch);
    patchesAt.set(edge, at);
  });
  const edgesAt = new Map<number, number[]>();
  for (const [edge, at] of patchesAt) {
    for (const patch of at) {
      const edges = edgesAt.get(patch) ?? [];
      edges.push(edge);
      edgesAt.set(patch, edges);
    }
  }
  return { patchesAt, edgesAt };
}
