/** NumPy's NPY format, version 1.0: a short header of type and shape, then the numbers. */

import { InputError } from '../errors.js';
import { writeWholeWith } from './files.js';

const magic = [0x93, ...new TextEncoder().encode('NUMPY'), 1, 0];
/** The numbers begin at a multiple of so many bytes, as the format asks. */
const alignment = 64;
const mostHeaderBytes = 0xffff;

/** The header of an array of little-endian float32 in C order. @throws InputError a shape too long to be written. */
export function npyHeader(shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
  const before = magic.length + 2;
  const bytes = Math.ceil((before + text.length + 1) / alignment) * alignment;
  if (bytes - before > mostHeaderBytes) throw new InputError(`npy: a shape of ${shape.length} axes: use fewer`);
  const header = new Uint8Array(bytes).fill(0x20);
  header.set(magic);
  new DataView(header.buffer).setUint16(magic.length, bytes - before, true);
  header.set(new TextEncoder().encode(text), before);
  header[bytes - 1] = 0x0a;
  return header;
}

/** Puts numbers into an array that is being written, the first at index `at` of the whole in C order. */
export type Put = (at: number, values: Float32Array) => Promise<void>;

/**
 * Writes an array whole or not at all, and never holds it whole: `fill` puts its numbers in pieces, in any order.
 *
 * @param shape axes of the array; none for a single number.
 */
export async function writeNpy(
  path: string,
  shape: readonly number[],
  fill: (put: Put) => Promise<void>,
): Promise<void> {
  const header = npyHeader(shape);
  await writeWholeWith(path, async write => {
    await write(0, header);
    await fill((at, values) =>
      write(header.length + 4 * at, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
    );
  });
}
