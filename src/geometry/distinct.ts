/** The triangles of a mesh, each once. */

import { hash, slotsFor } from './hash.js';

export interface Distinct {
  /** In the order and the direction in which they were given first. */
  readonly triangles: Uint32Array;
  /** How often each was given, and how often of that the other way round than first. */
  readonly times: Uint32Array;
  readonly backwards: Uint32Array;
}

export function distinctOf(given: Uint32Array): Distinct {
  const slots = slotsFor(given.length / 3); // a kept triangle's number + 1
  const triangles = new Uint32Array(given.length);
  const sorted = new Uint32Array(given.length);
  const times = new Uint32Array(given.length / 3);
  const backwards = new Uint32Array(given.length / 3);
  let count = 0;
  for (let at = 0; at < given.length; at += 3) {
    const [a, b, c] = [given[at], given[at + 1], given[at + 2]];
    const used = 3 * count;
    sorted[used] = Math.min(a, b, c);
    sorted[used + 2] = Math.max(a, b, c);
    sorted[used + 1] = a ^ b ^ c ^ sorted[used] ^ sorted[used + 2];
    let slot = hash(sorted, used, 3) & (slots.length - 1);
    let face = slots[slot] - 1;
    while (face >= 0 && !isSame(sorted, 3 * face, used)) {
      slot = (slot + 1) & (slots.length - 1);
      face = slots[slot] - 1;
    }
    if (face < 0) {
      triangles[used] = a;
      triangles[used + 1] = b;
      triangles[used + 2] = c;
      face = count++;
      slots[slot] = count;
    }
    times[face]++;
    const [first, second] = [triangles[3 * face], triangles[3 * face + 1]];
    const next = a === first ? b : b === first ? c : a;
    if (next !== second) backwards[face]++;
  }
  return {
    triangles: triangles.slice(0, 3 * count),
    times: times.slice(0, count),
    backwards: backwards.slice(0, count),
  };
}

function isSame(sorted: Uint32Array, one: number, other: number): boolean {
  for (let i = 0; i < 3; i++) if (sorted[one + i] !== sorted[other + i]) return false;
  return true;
}
