/** Closed meshes as shells: closed surfaces of their own, which of them bound a solid and which a cavity in one. */

import { DisjointSets, edgesOf } from './edges.js';
import { type Box, boundsOf, type Mesh } from './mesh.js';

export interface Solid {
  /** Its outer shell, as a mesh on the vertices of the whole. */
  readonly shell: Mesh;
  /** Shells turned inside out within it. */
  readonly cavities: readonly Mesh[];
}

interface Shell {
  readonly mesh: Mesh;
  readonly box: Box;
  /** Positive where triangles run anticlockwise as seen from outside. */
  readonly volume: number;
}

/**
 * The solids whose union a closed mesh bounds. A shell is a cavity where the smallest shell around it is a solid that is
 * turned the other way; so nothing changes where all of a file is inside out.
 */
export function solidsOf(mesh: Mesh): Solid[] {
  const shells = shellsOf(mesh).map((triangles): Shell => {
    const shell = { positions: mesh.positions, triangles };
    return { mesh: shell, box: boundsOfShell(shell), volume: volumeOf(shell) };
  });
  const isTurned = shells.some(({ volume }) => volume < 0) && shells.some(({ volume }) => volume > 0);
  if (!isTurned) return shells.map(({ mesh: shell }) => ({ shell, cavities: [] }));
  const found = new Map<Shell, { readonly shell: Mesh; readonly cavities: Mesh[] }>();
  const bySize = [...shells].sort((a, b) => Math.abs(b.volume) - Math.abs(a.volume));
  const rank = new Map(bySize.map((shell, at) => [shell, at]));
  const rankOf = (shell: Shell) => rank.get(shell) as number;
  const tree = treeOf(shells);
  for (const shell of bySize) {
    const larger = shellsAround(tree, shell.box).filter(other => rankOf(other) < rankOf(shell));
    const smallest = larger.sort((a, b) => rankOf(b) - rankOf(a)).find(other => isWithin(shell, other));
    const solid = smallest && smallest.volume < 0 !== shell.volume < 0 ? found.get(smallest) : undefined;
    if (solid) solid.cavities.push(shell.mesh);
    else found.set(shell, { shell: shell.mesh, cavities: [] });
  }
  return [...found.values()];
}

/**
 * Triangles that hang together over edges of two; where more share an edge, those parts are brought together that have
 * an odd number of them. So every shell is closed, and figures that touch at an edge stay apart.
 */
function shellsOf({ triangles }: Mesh): Uint32Array[] {
  const edges = edgesOf(triangles);
  const sets = new DisjointSets(triangles.length / 3);
  const faces = new Map<number, number[]>(); // of edges of more than two
  const first = new Int32Array(edges.corner.length).fill(-1);
  edges.of.forEach((edge, corner) => {
    const face = Math.floor(corner / 3);
    if (edges.triangles[edge] > 2) {
      const list = faces.get(edge) ?? [];
      list.push(face);
      faces.set(edge, list);
    } else if (first[edge] < 0) first[edge] = face;
    else sets.unite(first[edge], face);
  });
  const joined: [number, number][] = [];
  for (const list of faces.values()) {
    const odd = new Set<number>();
    for (const face of list) {
      const set = sets.of(face);
      if (!odd.delete(set)) odd.add(set);
    }
    const [one, ...others] = odd;
    for (const other of others) joined.push([one, other]);
  }
  for (const [one, other] of joined) sets.unite(one, other);
  const sizes = new Map<number, number>();
  for (let face = 0; face < triangles.length / 3; face++) sizes.set(sets.of(face), (sizes.get(sets.of(face)) ?? 0) + 3);
  const shells = new Map([...sizes].map(([set, size]) => [set, new Uint32Array(size)]));
  const filled = new Map<number, number>();
  for (let at = 0; at < triangles.length; at += 3) {
    const set = sets.of(at / 3);
    const used = filled.get(set) ?? 0;
    shells.get(set)?.set(triangles.subarray(at, at + 3), used);
    filled.set(set, used + 3);
  }
  return [...shells.values()];
}

/** The bounds of those vertices that its triangles have. */
export function boundsOfShell({ positions, triangles }: Mesh): Box {
  const own = new Float64Array(3 * triangles.length);
  triangles.forEach((vertex, i) => {
    for (let axis = 0; axis < 3; axis++) own[3 * i + axis] = positions[3 * vertex + axis];
  });
  return boundsOf({ positions: own, triangles });
}

/** By the divergence theorem, from the shell's own first vertex, so that nothing cancels far from the origin. */
function volumeOf({ positions, triangles }: Mesh): number {
  const at = (vertex: number, axis: number) => positions[3 * vertex + axis] - positions[3 * triangles[0] + axis];
  let volume = 0;
  for (let i = 0; i < triangles.length; i += 3) {
    const [a, b, c] = [triangles[i], triangles[i + 1], triangles[i + 2]];
    volume +=
      at(a, 0) * (at(b, 1) * at(c, 2) - at(b, 2) * at(c, 1)) +
      at(a, 1) * (at(b, 2) * at(c, 0) - at(b, 0) * at(c, 2)) +
      at(a, 2) * (at(b, 0) * at(c, 1) - at(b, 1) * at(c, 0));
  }
  return volume / 6;
}

/** Shells by their boxes, halved by and by along the longer side: a shell is sought in few of them. */
interface Tree {
  readonly box: Box;
  readonly shells: readonly Shell[];
  readonly halves: readonly Tree[];
}

const mostInLeaf = 8;

function treeOf(shells: readonly Shell[]): Tree {
  const least = [0, 1, 2].map(axis => shells.reduce((value, { box }) => Math.min(value, box.least[axis]), Infinity));
  const greatest = [0, 1, 2].map(axis =>
    shells.reduce((value, { box }) => Math.max(value, box.greatest[axis]), -Infinity),
  );
  const box = { least, greatest };
  if (shells.length <= mostInLeaf) return { box, shells, halves: [] };
  const extents = greatest.map((value, axis) => value - least[axis]);
  const axis = extents.indexOf(Math.max(...extents));
  const middle = ({ box: own }: Shell) => own.least[axis] + own.greatest[axis];
  const sorted = [...shells].sort((a, b) => middle(a) - middle(b));
  const half = sorted.length >> 1;
  return { box, shells: [], halves: [treeOf(sorted.slice(0, half)), treeOf(sorted.slice(half))] };
}

/** The shells whose boxes hold a box. */
function shellsAround({ box, shells, halves }: Tree, inner: Box): Shell[] {
  if (!isBoxWithin(inner, box)) return [];
  return [
    ...shells.filter(shell => isBoxWithin(inner, shell.box)),
    ...halves.flatMap(half => shellsAround(half, inner)),
  ];
}

function isBoxWithin(inner: Box, outer: Box): boolean {
  return [0, 1, 2].every(
    axis => inner.least[axis] >= outer.least[axis] && inner.greatest[axis] <= outer.greatest[axis],
  );
}

/** Vertices of a shell that are looked for in another. */
const mostProbes = 64;

function isWithin({ mesh }: Shell, around: Shell): boolean {
  const { positions, triangles } = mesh;
  const step = Math.max(1, Math.floor(triangles.length / mostProbes));
  for (let at = 0; at < triangles.length; at += step) {
    if (!holds(around.mesh, positions.subarray(3 * triangles[at], 3 * triangles[at] + 3))) return false;
  }
  return true;
}

/** Whether a point lies inside a shell: by the parity of the triangles that a ray along z crosses. */
function holds({ positions, triangles }: Mesh, [x, y, z]: Float32Array | Float64Array): boolean {
  let isInside = false;
  for (let at = 0; at < triangles.length; at += 3) {
    const [a, b, c] = [3 * triangles[at], 3 * triangles[at + 1], 3 * triangles[at + 2]];
    // How often the triangle's shadow winds about (x, y), half open as its edges are.
    const inShadow = crosses(positions, a, b, x, y) !== crosses(positions, b, c, x, y);
    if (inShadow === crosses(positions, c, a, x, y)) continue;
    const [ux, uy, uz] = [0, 1, 2].map(axis => positions[b + axis] - positions[a + axis]);
    const [vx, vy, vz] = [0, 1, 2].map(axis => positions[c + axis] - positions[a + axis]);
    const [dx, dy] = [x - positions[a], y - positions[a + 1]];
    const height = positions[a + 2] + ((dx * vy - dy * vx) * uz + (dy * ux - dx * uy) * vz) / (ux * vy - uy * vx);
    if (height > z) isInside = !isInside;
  }
  return isInside;
}

/** Whether an edge crosses the line of points (x, above y); the same of either triangle that has it. */
function crosses(positions: Mesh['positions'], a: number, b: number, x: number, y: number): boolean {
  const [low, high] = positions[a] < positions[b] ? [a, b] : [b, a];
  if (!(positions[low] <= x && x < positions[high])) return false;
  const share = (x - positions[low]) / (positions[high] - positions[low]);
  return positions[low + 1] + share * (positions[high + 1] - positions[low + 1]) > y;
}
