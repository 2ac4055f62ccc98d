/** The edges of triangle meshes: which triangles share one, and where a surface is open. */

import { hashOfPair, slotsFor } from './hash.js';
import type { Mesh } from './mesh.js';

/** Every pair of vertices that some triangle joins, numbered. */
export interface Edges {
  /** Of each corner, the edge from it to the triangle's next. */
  readonly of: Uint32Array;
  /** Of each edge, one of its corners, and how many triangles have it. */
  readonly corner: Uint32Array;
  readonly triangles: Uint32Array;
}

/** The corner after one in its triangle. */
export function nextCorner(corner: number): number {
  return corner % 3 === 2 ? corner - 2 : corner + 1;
}

export function edgesOf(triangles: Uint32Array): Edges {
  const slots = slotsFor(triangles.length); // an edge's number + 1
  const of = new Uint32Array(triangles.length);
  const corner = new Uint32Array(triangles.length);
  const counts = new Uint32Array(triangles.length);
  const low = new Uint32Array(triangles.length); // of each edge, its vertices
  const high = new Uint32Array(triangles.length);
  let edges = 0;
  for (let at = 0; at < triangles.length; at++) {
    const [a, b] = [triangles[at], triangles[nextCorner(at)]];
    const [least, most] = a < b ? [a, b] : [b, a];
    let slot = hashOfPair(least, most) & (slots.length - 1);
    let edge = slots[slot] - 1;
    while (edge >= 0 && (low[edge] !== least || high[edge] !== most)) {
      slot = (slot + 1) & (slots.length - 1);
      edge = slots[slot] - 1;
    }
    if (edge < 0) {
      edge = edges++;
      slots[slot] = edges;
      corner[edge] = at;
      low[edge] = least;
      high[edge] = most;
    }
    of[at] = edge;
    counts[edge]++;
  }
  return { of, corner: corner.slice(0, edges), triangles: counts.slice(0, edges) };
}

/** Edges of an odd number of triangles, as corners from which they go: none where a mesh is closed. */
export function openEdges({ triangles }: Mesh): number[] {
  const edges = edgesOf(triangles);
  return [...edges.corner.filter((_, edge) => edges.triangles[edge] % 2 === 1)];
}

/** Edges of one triangle alone that hang together: the rim of a hole. */
export interface Hole {
  readonly edges: number;
  readonly middle: readonly number[];
}

export interface Opening {
  readonly holes: readonly Hole[];
  /** Edges of three triangles, or five and so on, and the middle of one of them. */
  readonly crowded: number;
  readonly crowdedAt: readonly number[];
}

/** What keeps a mesh from being closed. */
export function openingOf({ positions, triangles }: Mesh): Opening {
  const edges = edgesOf(triangles);
  const odd = Array.from(edges.corner, (corner, edge) => ({ corner, count: edges.triangles[edge] })).filter(
    ({ count }) => count % 2 === 1,
  );
  const middleOf = (corner: number) =>
    [0, 1, 2].map(
      axis => (positions[3 * triangles[corner] + axis] + positions[3 * triangles[nextCorner(corner)] + axis]) / 2,
    );
  const rim = odd.filter(({ count }) => count === 1).map(({ corner }) => corner);
  const crowded = odd.filter(({ count }) => count > 1);
  const sets = new DisjointSets(positions.length / 3);
  for (const corner of rim) sets.unite(triangles[corner], triangles[nextCorner(corner)]);
  const rims = new Map<number, number[][]>();
  for (const corner of rim) {
    const set = sets.of(triangles[corner]);
    const middles = rims.get(set) ?? [];
    middles.push(middleOf(corner));
    rims.set(set, middles);
  }
  const holes = [...rims.values()].map(middles => ({
    edges: middles.length,
    middle: [0, 1, 2].map(axis => middles.reduce((sum, middle) => sum + middle[axis] / middles.length, 0)),
  }));
  return { holes, crowded: crowded.length, crowdedAt: crowded.length > 0 ? middleOf(crowded[0].corner) : [] };
}

/** Numbers from 0 in sets that are united by and by (Tarjan and van Leeuwen 1984, path halving). */
export class DisjointSets {
  readonly #parents: Uint32Array;

  constructor(count: number) {
    this.#parents = Uint32Array.from({ length: count }, (_, i) => i);
  }

  /** The least number of its set. */
  of(one: number): number {
    const parents = this.#parents;
    let at = one;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]];
      at = parents[at];
    }
    return at;
  }

  unite(one: number, other: number): void {
    const [a, b] = [this.of(one), this.of(other)];
    this.#parents[Math.max(a, b)] = Math.min(a, b);
  }
}

/** Brings together the faces that share an edge of a kind. @param edgeOf of each corner, the edge from it. */
export function joinOver(faces: DisjointSets, edgeOf: Uint32Array, isJoined: (edge: number) => boolean): void {
  const first = new Int32Array(edgeOf.length).fill(-1);
  edgeOf.forEach((edge, corner) => {
    if (!isJoined(edge)) return;
    const face = Math.floor(corner / 3);
    if (first[edge] < 0) first[edge] = face;
    else faces.unite(first[edge], face);
  });
}
