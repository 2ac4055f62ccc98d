const mask = (1n << 32n) - 1n;
const multiply = (a: bigint, b: bigint) => (a * b) & mask;
const rotate = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;

/** The first `count` outputs of xoshiro128** (Blackman and Vigna 2021) from a state by splitmix32, in whole numbers. */
export function xoshiro(seed: number, count: number): number[] {
  let z = BigInt(seed);
  const s = [0n, 0n, 0n, 0n].map(() => {
    z = (z + 0x9e3779b9n) & mask;
    let t = multiply(z ^ (z >> 16n), 0x21f0aaadn);
    t = multiply(t ^ (t >> 15n), 0x735a2d97n);
    return t ^ (t >> 15n);
  });
  return Array.from({ length: count }, () => {
    const result = multiply(rotate(multiply(s[1], 5n), 7n), 9n);
    const t = (s[1] << 9n) & mask;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11n);
    return Number(result);
  });
}
