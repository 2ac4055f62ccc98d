/** FNV-1a over whole words, its bits mixed once more (the end of MurmurHash3). */
export function hash(words: ArrayLike<number>, from = 0, count = words.length): number {
  let value = 0x811c9dc5;
  for (let i = from; i < from + count; i++) value = Math.imul(value ^ words[i], 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
