/** Seeded random numbers, the same on every machine: xoshiro128** (Blackman and Vigna 2021), seeded by splitmix32. */

import { requireCount } from './checks.js';

export const mostSeed = 2 ** 32 - 1;

/** @throws InputError something that is no seed. */
export function requireSeed(seed: number): void {
  requireCount('seed', seed, 0, mostSeed);
}

/** Numbers of a seed, the same on every machine: xoshiro128** (Blackman and Vigna 2021). */
export class Random {
  readonly #state = new Uint32Array(4);

  /** @param seed a whole number from 0 to 2^32 - 1. @throws InputError another. */
  constructor(seed: number) {
    requireSeed(seed);
    let z = seed;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) >>> 0;
      let t = z;
      t = Math.imul(t ^ (t >>> 16), 0x21f0aaad);
      t = Math.imul(t ^ (t >>> 15), 0x735a2d97);
      this.#state[i] = t ^ (t >>> 15);
    }
  }

  /** A whole number from 0 to 2^32 - 1. */
  bits(): number {
    const s = this.#state;
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotateLeft(s[3], 11);
    return result;
  }

  /** A number in [from, to), of 53 random bits. */
  uniform(from = 0, to = 1): number {
    const unit = ((this.bits() >>> 5) * 0x4000000 + (this.bits() >>> 6)) / 0x20000000000000;
    return from + unit * (to - from);
  }

  /** A normal number of mean 0 and variance 1 (Box and Muller 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }
}

function rotateLeft(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}
