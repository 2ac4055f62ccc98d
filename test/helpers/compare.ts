/** Comparisons that say where they fail. */

import { AssertionError } from 'node:assert';

export interface Tolerance {
  /** Of the expected number. */
  readonly relative?: number;
  readonly absolute?: number;
}

/** Every number within `absolute + relative |expected|`; tells the worst index, both values and the tolerance. */
export function requireClose(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { relative = 0, absolute = 0 }: Tolerance,
): void {
  if (actual.length !== expected.length) fail(`${what}: ${actual.length} numbers, expected ${expected.length}`);
  let worst = -1;
  let worstExcess = 1;
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i]) || (Number.isNaN(actual[i]) && Number.isNaN(expected[i]))) continue;
    const allowed = absolute + relative * Math.abs(expected[i]);
    const excess = Math.abs(actual[i] - expected[i]) / allowed;
    if (!(excess <= worstExcess)) {
      worst = i;
      worstExcess = Number.isNaN(excess) ? Number.POSITIVE_INFINITY : excess;
    }
  }
  if (worst < 0) return;
  const allowed = absolute + relative * Math.abs(expected[worst]);
  fail(`${what}: worst at index ${worst}: got ${actual[worst]}, expected ${expected[worst]} within ${allowed}`);
}

/** The same bits: counts among floats, which are whole numbers in their place, and NaN too. */
export function requireBits(what: string, actual: Float32Array, expected: Float32Array): void {
  const bitsOf = ({ buffer, byteOffset, length }: Float32Array) => new Uint32Array(buffer, byteOffset, length);
  requireClose(what, bitsOf(actual), bitsOf(expected), {});
}

/** |actual - expected| / |expected|, Frobenius, at most `tolerance`. */
export function requireNorm(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  if (actual.length !== expected.length) fail(`${what}: ${actual.length} numbers, expected ${expected.length}`);
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    norm += expected[i] ** 2;
  }
  const error = Math.sqrt(difference) / Math.sqrt(norm);
  if (!(error <= tolerance)) fail(`${what}: relative error ${error}, at most ${tolerance}`);
}

/**
 * Every number within `tolerance` of its magnitude, the sum of its terms without their signs: rounding goes with the
 * magnitude however much of the sum cancels (Higham, Accuracy and Stability of Numerical Algorithms, 3.1).
 */
export function requireNear(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  magnitude: ArrayLike<number>,
  tolerance: number,
): void {
  if (actual.length !== expected.length) fail(`${what}: ${actual.length} numbers, expected ${expected.length}`);
  for (let i = 0; i < expected.length; i++) {
    if (Math.abs(actual[i] - expected[i]) <= tolerance * magnitude[i]) continue;
    const allowed = tolerance * magnitude[i];
    fail(`${what}: at index ${i}: got ${actual[i]}, expected ${expected[i]} within ${allowed}`);
  }
}

export function requireEqual<T>(what: string, actual: T, expected: T): void {
  const [got, wanted] = [actual, expected].map(value => JSON.stringify(value));
  if (got !== wanted) fail(`${what}: got ${got}, expected ${wanted}`);
}

export function require(what: string, condition: boolean): asserts condition {
  if (!condition) fail(what);
}

/** `work` must throw an error of the given name whose message matches. */
export async function requireThrows(what: string, work: () => unknown, name: string, message: RegExp): Promise<void> {
  let error: unknown;
  try {
    await work();
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof Error)) fail(`${what}: nothing was thrown`);
  const { name: got, message: text } = error as Error;
  if (got !== name || !message.test(text)) fail(`${what}: got ${got} "${text}", expected ${name} matching ${message}`);
}

function fail(message: string): never {
  throw new AssertionError({ message });
}
