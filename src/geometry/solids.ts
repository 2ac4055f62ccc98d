/** Which shells of a mesh bound a solid, and which a cavity in one. */

import type { Box, Mesh } from './mesh.js';
import { type Shell, shellsOf } from './shells.js';

export interface Solid {
  readonly shell: Shell;
  /** Shells turned inside out within it. */
  readonly cavities: readonly Shell[];
}

/**
 * The solids whose union a closed mesh bounds. A shell is a cavity where the smallest shell around it is a solid that is
 * turned the other way; so nothing changes where all of a file is inside out.
 */
export function solidsOf(mesh: Mesh): Solid[] {
  const shells = shellsOf(mesh);
  const isTurned = shells.some(({ volume }) => volume < 0) && shells.some(({ volume }) => volume > 0);
  if (!isTurned) return shells.map(shell => ({ shell, cavities: [] }));
  const found = new Map<Shell, { readonly shell: Shell; readonly cavities: Shell[] }>();
  const bySize = [...shells].sort((a, b) => Math.abs(b.volume) - Math.abs(a.volume));
  const rank = new Map(bySize.map((shell, at) => [shell, at]));
  const rankOf = (shell: Shell) => rank.get(shell) as number;
  const tree = treeOf(shells);
  for (const shell of bySize) {
    const larger = shellsAround(tree, shell.box).filter(other => rankOf(other) < rankOf(shell));
    const smallest = larger.sort((a, b) => rankOf(b) - rankOf(a)).find(other => isWithin(shell, other));
    const solid = smallest && smallest.volume < 0 !== shell.volume < 0 ? found.get(smallest) : undefined;
    if (solid) solid.cavities.push(shell);
    else found.set(shell, { shell, cavities: [] });
  }
  return [...found.values()];
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

/** Corners of a shell whose neighbourhoods are looked for in another. */
const mostProbes = 64;
/** How far from a corner a probe lies: of the way to the middle of its face, and into the shell, of the shell's extent. */
const towardsMiddle = 1e-3;
const intoShell = 1e-6;

/** Within it or touching it from within: so what is looked for is not the corners but points beside them, inside. */
function isWithin(shell: Shell, around: Shell): boolean {
  const corners = shell.triangles.length;
  const step = Math.max(1, Math.floor(corners / mostProbes));
  for (let corner = 0; corner < corners; corner += step) if (!holds(around, probeAt(shell, corner))) return false;
  return true;
}

function probeAt({ positions, triangles, box, volume }: Shell, corner: number): Vector {
  const first = corner - (corner % 3);
  const [a, b, c] = [0, 1, 2].map((i): Vector => {
    const at = 3 * triangles[first + i];
    return [positions[at], positions[at + 1], positions[at + 2]];
  });
  const own = [a, b, c][corner - first];
  const [u, v] = [b, c].map(end => end.map((x, axis) => x - a[axis]));
  const normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
  const extent = Math.max(...box.greatest.map((value, axis) => value - box.least[axis]));
  const inwards = (-Math.sign(volume) * intoShell * extent) / (Math.hypot(...normal) || 1);
  const along = (axis: number) =>
    own[axis] + towardsMiddle * ((a[axis] + b[axis] + c[axis]) / 3 - own[axis]) + inwards * normal[axis];
  return [along(0), along(1), along(2)];
}

type Vector = readonly [number, number, number];

/** Whether a point lies inside a shell, by the triangles that a ray along z crosses. */
function holds({ positions, triangles, isWound }: Shell, [x, y, z]: Vector): boolean {
  let [crossed, winding] = [0, 0];
  for (let at = 0; at < triangles.length; at += 3) {
    const [a, b, c] = [3 * triangles[at], 3 * triangles[at + 1], 3 * triangles[at + 2]];
    // How often the triangle's shadow winds about (x, y), half open as its edges are.
    const inShadow = crosses(positions, a, b, x, y) !== crosses(positions, b, c, x, y);
    if (inShadow === crosses(positions, c, a, x, y)) continue;
    const [ux, uy, uz] = [0, 1, 2].map(axis => positions[b + axis] - positions[a + axis]);
    const [vx, vy, vz] = [0, 1, 2].map(axis => positions[c + axis] - positions[a + axis]);
    const [dx, dy] = [x - positions[a], y - positions[a + 1]];
    const area = ux * vy - uy * vx;
    const height = positions[a + 2] + ((dx * vy - dy * vx) * uz + (dy * ux - dx * uy) * vz) / area;
    if (height <= z) continue;
    crossed++;
    winding += Math.sign(area);
  }
  return isWound ? winding !== 0 : crossed % 2 === 1;
}

/** Whether an edge crosses the line of points (x, above y); the same of either triangle that has it. */
function crosses(positions: Mesh['positions'], a: number, b: number, x: number, y: number): boolean {
  const [low, high] = positions[a] < positions[b] ? [a, b] : [b, a];
  if (!(positions[low] <= x && x < positions[high])) return false;
  const share = (x - positions[low]) / (positions[high] - positions[low]);
  return positions[low + 1] + share * (positions[high + 1] - positions[low + 1]) > y;
}
