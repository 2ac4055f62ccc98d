/** Which patches of a mesh close each other, where more than two faces share an edge. */

import { type Patches, type Rims, sameAngle } from './patches.js';

export interface Closing {
  readonly count: number;
  /** Of each patch, the shell that it is a part of. */
  readonly shellOf: Int32Array;
  /** Of each patch, 1 where it runs the other way round than in its shell. */
  readonly isTurned: Uint8Array;
}

/** Rims at an edge, and of a patch, that are looked at: of a hostile file's, there may be any number. */
const mostLookedAt = 32;

/**
 * Patches in shells, so that each shell has every edge an even number of times, and once either way where that can be.
 *
 * A shell grows from a patch. Each rim is closed by what the shell has already, else by a patch that runs along the edge
 * the other way: by that which the shell closes for the most part and, of such, by the first behind the face, where the
 * solid lies. A face that lies in the same place comes last: the two of a wall between solids belong to one each.
 *
 * @param isInsideOut whether solids lie before their faces.
 */
export function closingOf(patches: Patches, rims: Rims, isInsideOut: boolean): Closing {
  const { edge: edgeOf, patch: patchOf } = rims;
  const shellOf = new Int32Array(patches.count).fill(-1);
  const isTurned = new Uint8Array(patches.count);
  const ring = new Rings(rims);
  const { starts, rimsOf } = rimsByPatch(patches, rims);
  const isOpen = new Uint8Array(rims.count);
  const open = new Map<number, number[]>(); // of each edge, the rims of the growing shell that are open: all run one way
  const isUpwards = (rim: number) => rims.isUpwards[rim] !== isTurned[patchOf[rim]];
  let pending: number[] = [];
  let count = 0;

  const add = (patch: number, turn: boolean) => {
    shellOf[patch] = count;
    isTurned[patch] = Number(turn);
    for (let at = starts[patch]; at < starts[patch + 1]; at++) {
      const rim = rimsOf[at];
      ring.remove(rim);
      const others = open.get(edgeOf[rim]) ?? [];
      if (others.length > 0 && isUpwards(others[0]) !== isUpwards(rim)) {
        isOpen[others.pop() as number] = 0;
        continue;
      }
      isOpen[rim] = 1;
      others.push(rim);
      pending.push(rim);
      open.set(edgeOf[rim], others);
    }
  };

  const grow = (seed: number) => {
    if (shellOf[seed] >= 0) return;
    add(seed, false);
    for (let rim = pending.pop(); rim !== undefined; rim = pending.pop()) {
      if (!isOpen[rim]) continue;
      const next = nextBehind(rim);
      if (next !== undefined) add(patchOf[next], isUpwards(next) === isUpwards(rim));
    }
    open.clear();
    pending = [];
    count++;
  };

  /** Of the patches in no shell, the rim that should close one; it runs the same way where its patch must be turned. */
  const nextBehind = (rim: number): number | undefined => {
    const upwards = isUpwards(rim);
    let [best, share, toTurn, inPlace, copy] = [-1, 0, -1, -1, -1];
    let next = ring.beside(rim, upwards !== isInsideOut);
    const first = next;
    for (let looked = 0; next >= 0 && looked < mostLookedAt; looked++) {
      const apart = Math.abs(rims.angle[next] - rims.angle[rim]);
      const isInPlace = apart < sameAngle || apart > 2 * Math.PI - sameAngle;
      const isOther = isUpwards(next) !== upwards;
      if (isOther && !isInPlace) {
        const own = shareClosedBy(patchOf[next]);
        if (own > share) [best, share] = [next, own];
      } else if (isOther && inPlace < 0) inPlace = next;
      else if (!isOther && !isInPlace && toTurn < 0) toTurn = next;
      else if (copy < 0) copy = next;
      next = ring.beside(next, upwards !== isInsideOut);
      if (next === first) break;
    }
    return [best, toTurn, inPlace, copy].find(one => one >= 0);
  };

  /** The share of a patch's rims that the growing shell has the other way, as far as is looked. */
  const shareClosedBy = (patch: number): number => {
    const step = Math.ceil((starts[patch + 1] - starts[patch]) / mostLookedAt);
    let [closed, looked] = [0, 0];
    for (let at = starts[patch]; at < starts[patch + 1]; at += step, looked++) {
      const [other] = open.get(edgeOf[rimsOf[at]]) ?? [];
      if (other !== undefined && isUpwards(other) !== isUpwards(rimsOf[at])) closed++;
    }
    return Math.max(closed / looked, Number.MIN_VALUE);
  };

  for (const patch of patchesInPlaceOfOthers(rims)) grow(patch);
  for (let patch = 0; patch < patches.count; patch++) grow(patch);
  return { count, shellOf, isTurned };
}

/** The rims of each patch, and where they begin. */
function rimsByPatch(patches: Patches, { count, patch }: Rims) {
  const starts = new Uint32Array(patches.count + 1);
  for (let rim = 0; rim < count; rim++) starts[patch[rim] + 1]++;
  for (let at = 0; at < patches.count; at++) starts[at + 1] += starts[at];
  const filled = starts.slice(0, -1);
  const rimsOf = new Uint32Array(count);
  for (let rim = 0; rim < count; rim++) rimsOf[filled[patch[rim]]++] = rim;
  return { starts, rimsOf };
}

/** Patches with a rim at whose angle another has one. */
function* patchesInPlaceOfOthers({ count, edge, patch, angle }: Rims): Generator<number> {
  for (let rim = 1; rim < count; rim++) {
    if (edge[rim] === edge[rim - 1] && angle[rim] - angle[rim - 1] < sameAngle) {
      yield patch[rim - 1];
      yield patch[rim];
    }
  }
}

/** The rims of each edge in a ring, by angle, from which they are taken by and by. */
class Rings {
  readonly #above: Uint32Array;
  readonly #below: Uint32Array;
  readonly #isGone: Uint8Array;
  readonly #left: Uint32Array; // of each edge how many, at its first rim
  readonly #first: Uint32Array;

  constructor({ count, edge }: Rims) {
    this.#isGone = new Uint8Array(count);
    this.#above = new Uint32Array(count);
    this.#below = new Uint32Array(count);
    this.#first = new Uint32Array(count);
    this.#left = new Uint32Array(count);
    for (let from = 0, to = 0; from < count; from = to) {
      while (to < count && edge[to] === edge[from]) to++;
      this.#left[from] = to - from;
      this.#first.fill(from, from, to);
      for (let rim = from; rim < to; rim++) {
        this.#above[rim] = rim + 1 < to ? rim + 1 : from;
        this.#below[rim] = rim > from ? rim - 1 : to - 1;
      }
    }
  }

  remove(rim: number): void {
    this.#isGone[rim] = 1;
    this.#left[this.#first[rim]]--;
  }

  /** The next that is there below a rim, or above it; -1 where none is left. */
  beside(rim: number, isBelow: boolean): number {
    if (this.#left[this.#first[rim]] === 0) return -1;
    const next = isBelow ? this.#below : this.#above;
    while (this.#isGone[next[rim]]) next[rim] = next[next[rim]];
    return next[rim];
  }
}
