/** FNV-1a over whole words, its bits mixed once more (the end of MurmurHash3). */
export function hash(words: ArrayLike<number>, from = 0, count = words.length): number {
  let value = basis;
  for (let i = from; i < from + count; i++) value = Math.imul(value ^ words[i], prime);
  return mixed(value);
}

/** The same of two words. */
export function hashOfPair(first: number, second: number): number {
  return mixed(Math.imul(Math.imul(basis ^ first, prime) ^ second, prime));
}

const basis = 0x811c9dc5;
const prime = 0x01000193;

function mixed(sum: number): number {
  const value = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}

/** Places of an open-addressed table that is at most half full: a power of two. */
export function slotsFor(count: number): Uint32Array {
  return new Uint32Array(2 ** Math.ceil(Math.log2(2 * count + 1)));
}
