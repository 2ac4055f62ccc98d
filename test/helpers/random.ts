/** Random inputs, fresh on every run; the seed is printed, and SEPNN_TEST_SEED repeats one. */

const seed = Number(process.env.SEPNN_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`  SEPNN_TEST_SEED=${seed}`);
let state = seed;

/** In [0, 1) (Mulberry32). */
export function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

/** `count` numbers in [-range, range), already rounded to f32, so that both sides start from the same. */
export function randoms(count: number, range = 1): Float64Array {
  return Float64Array.from({ length: count }, () => Math.fround((2 * random() - 1) * range));
}

export function randomInteger(from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}
