/** Damaged files for readers, which take them or refuse them in one line. */

import fc from 'fast-check';
import { InputError } from '../../src/errors.js';

/** Whether `decode` takes the bytes, or refuses them in one line as bad input; anything else is thrown on. */
export function readOrRefused(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (error instanceof InputError && !/[\n\r\u2028\u2029]/.test(error.message) && error.message.length < 400)
      return true;
    throw error;
  }
}

/** The file with bytes changed here and there, and perhaps cut short. */
export function damaged(whole: Uint8Array): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  return fc.tuple(flips, fc.oneof(fc.constant(whole.length), fc.nat(whole.length))).map(([changes, length]) => {
    const bytes = Uint8Array.from(whole.subarray(0, length));
    for (const [at, value] of changes) if (at < length) bytes[at] = value;
    return bytes;
  });
}

/** The text with one to four of its words replaced by others, or by words that are in no such file. */
export function reworded(text: string): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const pieces = text.split(/(\s+)/);
  const strange = fc.constantFrom('', '-1', '0', '4294967295', '1e99', 'nan', '-', '9'.repeat(20), '\0', 'é', '\n\n');
  const word = fc.oneof(strange, fc.constantFrom(...pieces));
  const changes = fc.array(fc.tuple(fc.nat(pieces.length - 1), word), { minLength: 1, maxLength: 4 });
  return changes.map(list => {
    const changed = [...pieces];
    for (const [at, by] of list) changed[at] = by;
    return new TextEncoder().encode(changed.join(''));
  });
}

/** Values that a header has no place for, beside any that JSON knows. */
const strange = fc.oneof(
  fc.constantFrom<unknown>(-1, -0, 0.5, 1e300, 2 ** 53, 2 ** 31, '1', '', null, true, [], {}, [[]], '\n', {
    toString: 1,
  }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Every place in a JSON value, as keys from the outside in. */
function placesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  const inner = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [path, ...inner.flatMap(([key, one]) => placesOf(one, [...path, key]))];
}

/** The value with another in one place; undefined takes the place away. */
function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}

/** The value with one to three of its places filled otherwise. */
export function distorted(value: unknown): fc.Arbitrary<unknown> {
  const change = fc.tuple(fc.nat(), fc.option(strange, { nil: undefined }));
  return fc.array(change, { minLength: 1, maxLength: 3 }).map(changes =>
    changes.reduce<unknown>((now, [at, by]) => {
      const places = placesOf(now);
      return replaced(now, places[at % places.length], by);
    }, value),
  );
}

/** How many changed files of a kind are tried: SEPNN_FUZZ_FILES of them, else few. */
export const fuzzCount = Number(process.env.SEPNN_FUZZ_FILES ?? 300);
